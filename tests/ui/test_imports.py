"""Heavy modules are imported by one thread at a time."""

import threading
import time

from stability.ui import imports


def test_a_thread_waits_for_what_another_is_importing(monkeypatch):
    importing, most = [], []

    def slow(name):
        importing.append(name)
        most.append(len(importing))
        time.sleep(0.05)
        importing.remove(name)
        return name

    monkeypatch.setattr(imports, "import_module", slow)
    threads = [threading.Thread(target=imports.imported, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1]


def test_a_module_that_imports_another_in_this_way_is_imported():
    assert imports.imported("stability.ui.imports") is imports
