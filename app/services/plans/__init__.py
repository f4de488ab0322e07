"""Plans: dated steps towards a goal, from templates with sourced lead times."""
