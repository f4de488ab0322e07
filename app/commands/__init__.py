"""What each subcommand of `ai-manager` does: functions from parsed options to an exit code."""
