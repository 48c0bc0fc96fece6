"""A Markdown extension: no raw HTML, so that the angle brackets of an inner product stay what they are."""

from markdown.extensions import Extension


class NoHtml(Extension):
    """Takes out what would read <G, F> as a tag."""

    def extendMarkdown(self, md):
        md.preprocessors.deregister("html_block")
        md.inlinePatterns.deregister("html")


def makeExtension(**options):
    return NoHtml(**options)
