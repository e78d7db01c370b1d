"""Pages in a browser, and the local server that gives them out."""
