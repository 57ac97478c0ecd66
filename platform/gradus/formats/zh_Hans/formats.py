MONTH_DAY_FORMAT = "n月j日"  # 9月1日, not 09月1日
