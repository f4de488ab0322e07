"""The writing desk: kinds of texts, the user's own facts, and the check of a draft against them."""
