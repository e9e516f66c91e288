"""`xunkong device commission`: on site, where the unit is and whether its link will do."""
