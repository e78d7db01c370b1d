"""Packs: a compliance report with its evidence in one archive, signed, which others verify without us and offline."""
