"""Writes the .vsix: a zip with the extension, and two files that say what it is. (The usual packer, vsce, brings hundreds of packages for publishing, which we do not do.)"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

HERE = Path(__file__).resolve().parent
MOST = 500_000
FILES = ("package.json", "package.nls*.json", "README.md", "dist/*.js", "l10n/*.json", "media/*", "walkthrough/*.md")
TYPES = {"json": "application/json", "js": "application/javascript", "md": "text/markdown", "png": "image/png", "svg": "image/svg+xml", "vsixmanifest": "text/xml"}


def manifest(about: dict[str, object], words: dict[str, str]) -> str:
    description = words["description"]
    return f"""<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id={quoteattr(str(about["name"]))} Version={quoteattr(str(about["version"]))} Publisher={quoteattr(str(about["publisher"]))} />
    <DisplayName>{escape(str(about["displayName"]))}</DisplayName>
    <Description xml:space="preserve">{escape(description)}</Description>
    <Tags>{escape(",".join(about["keywords"]))}</Tags>
    <Categories>{escape(",".join(about["categories"]))}</Categories>
    <Properties>
      <Property Id="Microsoft.VisualStudio.Code.Engine" Value={quoteattr(about["engines"]["vscode"])} />
      <Property Id="Microsoft.VisualStudio.Code.ExtensionKind" Value="workspace" />
      <Property Id="Microsoft.VisualStudio.Code.LocalizedLanguages" Value="es" />
    </Properties>
    <License>extension/LICENSE</License>
    <Icon>extension/media/icon.png</Icon>
  </Metadata>
  <Installation><InstallationTarget Id="Microsoft.VisualStudio.Code" /></Installation>
  <Dependencies />
  <Assets>
    <Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true" />
    <Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true" />
    <Asset Type="Microsoft.VisualStudio.Services.Content.License" Path="extension/LICENSE" Addressable="true" />
    <Asset Type="Microsoft.VisualStudio.Services.Icons.Default" Path="extension/media/icon.png" Addressable="true" />
  </Assets>
</PackageManifest>
"""


def pack(target: Path) -> Path:
    """Packs what has been built. Raises FileNotFoundError where that has not happened, ValueError for a package that is too large."""
    about = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
    words = json.loads((HERE / "package.nls.json").read_text(encoding="utf-8"))
    if not (HERE / "dist" / "extension.js").exists():
        raise FileNotFoundError("extension/vscode/dist is missing: run `make build`")
    files = sorted(f for pattern in FILES for f in HERE.glob(pattern))
    types = "".join(f'<Default Extension=".{end}" ContentType="{kind}" />' for end, kind in TYPES.items())
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("extension.vsixmanifest", manifest(about, words))
        archive.writestr("[Content_Types].xml", f'<?xml version="1.0" encoding="utf-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{types}</Types>')
        archive.write(HERE.parents[1] / "LICENSE", "extension/LICENSE")
        for file in files:
            archive.write(file, f"extension/{file.relative_to(HERE).as_posix()}")
    if target.stat().st_size > MOST:
        raise ValueError(f"{target} has {target.stat().st_size:,} bytes; at most {MOST:,} are allowed")
    return target


if __name__ == "__main__":
    made = pack(Path(sys.argv[1]))
    print(f"{made}: {made.stat().st_size:,} bytes")
