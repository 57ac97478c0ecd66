MONTH_DAY_FORMAT = "j F"  # 14 December
