from django.urls import path

from apps.experiments import sse, views

app_name = "experiments"
urlpatterns = [
    path("", views.home, name="home"),
    path("labs", views.catalogue, name="catalogue"),
    path("labs/<slug:slug>", views.lab, name="lab"),
    path("labs/<slug:slug>/kept", views.kept, name="kept"),
    path("runs", views.runs, name="runs"),
    path("runs/events", sse.states, name="states"),
    path("runs/<uuid:pk>", views.run, name="run"),
    path("runs/<uuid:pk>/panel", views.panel, name="panel"),
    path("runs/<uuid:pk>/points", views.points, name="points"),
    path("runs/<uuid:pk>/points.csv", views.table, name="table"),
    path("runs/<uuid:pk>/events", sse.events, name="events"),
    path("runs/<uuid:pk>/stop", views.stop, name="stop"),
    path("runs/<uuid:pk>/share", views.run_visibility, name="share"),
    path("runs/<uuid:pk>/again", views.again, name="again"),
    path("claims", views.claims, name="claims"),
]
