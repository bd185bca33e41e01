"""Makes lists of what is inside of artefacts reproducible, and checks them.

Usage: sbom.py VERSION FILE...      each a CycloneDX document in JSON, in place

The tools write when they ran, a number of the run, and where; none of it is about the artefact.
"""

import datetime
import json
import os
import pathlib
import sys
import uuid

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = str(pathlib.Path(__file__).resolve().parent.parent)


def main():
    """Change and check each file."""
    version, *names = sys.argv[1:]
    when = datetime.datetime.fromtimestamp(
        int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc
    )
    for name in names:
        path = pathlib.Path(name)
        document = json.loads(path.read_text())
        document["metadata"]["timestamp"] = when.strftime("%Y-%m-%dT%H:%M:%SZ")
        # Without version control Go does not know it.
        document["metadata"].get("component", {})["version"] = version
        if "-npm-" in path.name:  # npm takes the name of the folder
            document["metadata"]["component"]["name"] = "hermes-zmq"
        document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, path.name)}"
        text = json.dumps(document, indent=2, sort_keys=True) + "\n"
        if ROOT in text:
            sys.exit(f"{path.name} names a folder of this machine")
        schema = SchemaVersion.from_version(document["specVersion"])
        problem = JsonStrictValidator(schema).validate_str(text)
        if problem:
            sys.exit(f"{path.name} is not valid: {problem}")
        count = len(document.get("components", []))
        if not count:
            sys.exit(f"{path.name} lists nothing")
        path.write_text(text)
        print(f"{path.name}: {count} components, CycloneDX {document['specVersion']}, valid")


if __name__ == "__main__":
    main()
