"""Whether `ent._.score` means what it says, and the temperature that makes it so."""
