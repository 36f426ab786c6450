"""What differences between runs say: functions of plain arrays, which know nothing of experiments."""
