"""Makes the reference pages that say what the code says: commands, and shipped policies.

`make docs` writes them; tests compare them with what the code gives today.
"""
