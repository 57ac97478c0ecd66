MONTH_DAY_FORMAT = "n 月 j 日"
