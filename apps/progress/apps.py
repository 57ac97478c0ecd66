from django.apps import AppConfig


class ProgressConfig(AppConfig):
    name = "apps.progress"
    label = "progress"

    def ready(self) -> None:
        from apps.progress import listeners

        listeners.listen()
