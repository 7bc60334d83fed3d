"""The daily order check for a person: what is told, and how it looks as text and as a page."""
