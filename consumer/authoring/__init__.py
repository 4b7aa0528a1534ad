"""What those who write mapping files work with: checking, testing, explaining them, and beginning a new one."""
