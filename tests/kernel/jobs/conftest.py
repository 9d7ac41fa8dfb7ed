from tests.kernel.jobs.fixtures import board, charlie, database_url, queue

__all__ = ["board", "charlie", "database_url", "queue"]
