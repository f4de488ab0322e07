"""Roles: for whom the program works, as data files. Another role is another file beside these."""
