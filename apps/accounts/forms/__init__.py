"""Forms of `accounts`, by what they are about; the settings name allauth's by their places here."""
