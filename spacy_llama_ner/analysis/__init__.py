"""What a pipeline gets wrong: classes of errors, where they fall, likely reasons and what to try."""
