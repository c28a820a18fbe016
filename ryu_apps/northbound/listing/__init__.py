"""Lists of the API: filters, sorting, pages, columns, and the types of attributes."""
