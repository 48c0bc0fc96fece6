"""Open a report in headless Chromium: at desktop and phone widths, light and dark, and printed.

Usage: browser.py PAGE FOLDER. Fails on any message on the console, on a picture that does not load or has no
alternative text, on a table without headers, on a page wider than its window, on text without contrast to its ground,
and on a request to anywhere else, and if a start state saved from the page is not the file beside it. Screenshots and
the printed page are written to FOLDER.
"""

import base64
import sys
import time
from itertools import product
from pathlib import Path

from selenium import webdriver

WIDTHS = {"desktop": 1280, "phone": 390}
HEIGHT = 900

FACTS = """
const luminance = (colour) => {
  const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => {
    const share = Number(part) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
};
const body = getComputedStyle(document.body);
const [one, other] = [luminance(body.color), luminance(body.backgroundColor)];
const tables = [...document.querySelectorAll("table")];
return {
  title: document.title,
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  pictures: document.images.length,
  broken: [...document.images].filter((each) => !each.complete || !each.naturalWidth).length,
  unnamed: [...document.images].filter((each) => !each.alt.trim()).length,
  tables: tables.length,
  headless: tables.filter((each) => !each.caption || !each.querySelector("th[scope=col]")).length,
  contrast: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05),
  dark: other < 0.2,
  requests: performance.getEntriesByType("resource").filter((each) => !each.name.startsWith("data:")).length,
};
"""


def check(condition: bool, complaint: str) -> None:
    if not condition:
        sys.exit(f"browser: {complaint}")


def check_download(driver: webdriver.Chrome, page: Path, folder: Path) -> None:
    link = driver.find_element("css selector", "a[download]")
    beside = page.parent / link.get_attribute("download")
    saved = folder / beside.name
    saved.unlink(missing_ok=True)
    behaviour = {"behavior": "allow", "downloadPath": str(folder.resolve())}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    driver.execute_script("arguments[0].click()", link)
    deadline = time.monotonic() + 20
    # a file appears whole under its name, once it is saved
    while not saved.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    check(saved.exists(), f"{saved.name} cannot be saved from the page")
    check(saved.read_bytes() == beside.read_bytes(), f"{saved.name} saved from the page is not the file beside it")


def main(page: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-sync"):
        options.add_argument(f"--{argument}")
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        for (name, width), scheme in product(WIDTHS.items(), ("light", "dark")):
            emulated = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": name == "phone"}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", emulated)
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            driver.get(page.resolve().as_uri())
            facts = driver.execute_script(FACTS)
            where = f"{name}, {scheme}"
            messages = driver.get_log("browser")
            check(not messages, f"{where}: the console says {messages}")
            check("Feedback alignment" in facts["title"], f"{where}: the title is {facts['title']!r}")
            check(facts["overflow"] <= 0, f"{where}: the page is {facts['overflow']} px wider than its window")
            check(facts["pictures"] > 0 and not facts["broken"], f"{where}: {facts['broken']} pictures do not load")
            check(not facts["unnamed"], f"{where}: {facts['unnamed']} pictures have no alternative text")
            check(facts["tables"] > 0 and not facts["headless"], f"{where}: {facts['headless']} tables lack headers")
            check(facts["contrast"] >= 7, f"{where}: the contrast of text is {facts['contrast']:.1f}, less than 7")
            check(facts["dark"] == (scheme == "dark"), f"{where}: the page does not follow the colour scheme")
            check(facts["requests"] == 0, f"{where}: the page asks for {facts['requests']} other files")
            driver.save_screenshot(str(folder / f"{name}-{scheme}.png"))
        check_download(driver, page, folder)
        printed = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
        pdf = base64.b64decode(printed["data"])
        check(pdf.startswith(b"%PDF") and len(pdf) > 10_000, "the printed page is empty")
        (folder / "printed.pdf").write_bytes(pdf)
    finally:
        driver.quit()
    print(f"browser: {facts['pictures']} pictures and {facts['tables']} tables at {len(WIDTHS)} widths, light and dark")


main(Path(sys.argv[1]), Path(sys.argv[2]))
