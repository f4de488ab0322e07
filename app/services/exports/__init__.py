"""Plans, answers, conversations and clause sheets as files and behind links."""
