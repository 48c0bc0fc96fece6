"""What people look at: tables for the terminal, plots, and a page around them."""
