"""Views: anywidgets, static pictures, plotly figures. Import `views.widgets` for the classes; it imports anywidget."""
