"""User Data Service (181C): scales that know several people, and the consent to speak for one."""
