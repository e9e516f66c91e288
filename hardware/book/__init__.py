"""The builder's book: pin tables, the sheets drawn from them, boot fragments, and whether they agree."""
