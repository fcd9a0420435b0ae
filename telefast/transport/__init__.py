"""The road to Telegram: pacing, retries, deadlines, and the one door to private Telethon names."""
