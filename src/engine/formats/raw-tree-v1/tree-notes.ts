import type { Manifest } from '../../../core/manifest.ts'
import { databaseNotes } from '../database-notes.ts'

/** RESTORE.md of a tree: how to get everything back with `cp` or `rsync`, and with a few lines of Python what a plain copy does not bring. */
export function treeNotes(manifest: Manifest): string {
  const { totals, entry_index: index } = manifest
  return `# How to restore this backup

Made by ${manifest.producer}, job \`${manifest.job_id}\`, run \`${manifest.run_id}\`, finished ${new Date(manifest.ended_at).toISOString()}.
It holds ${totals.files} files, ${totals.dirs} directories and ${totals.links} links, ${totals.source_bytes} bytes of content.

You do not need Bastion. Every file stands in \`data/\` under its own path, as it was. Copy what you need.

## Everything

Into an empty directory, as root to get owners back (replace \`BACKUP\` by the path of this directory):

\`\`\`
cp -a BACKUP/data/. .
\`\`\`

\`rsync -aH BACKUP/data/ .\` does the same. Copying over \`/\` would change the directories that are there.

## What a copy does not bring

Some things cannot stand in \`data/\`, depending on the place this backup is kept in: files whose names it cannot hold (they are in \`odd/\`), directories and links on places that keep
files only, FIFOs and devices anywhere, and owners, modes, attributes and times. \`${index.name}\` knows all of it, one line of JSON for each entry. This needs \`zstd\` and \`python3\`, adds
what is missing in the directory where it runs, and gives everything its owner (as root), mode, attributes and time:

\`\`\`
zstd -dc BACKUP/${index.name} | BACKUP=BACKUP python3 -c '
import base64, json, os, stat, subprocess, sys
def name(line, key):
    return base64.b64decode(line[key + "_b64"]) if key + "_b64" in line else line[key].encode()
def make(line, path):
    kind = line["kind"]
    os.makedirs(os.path.dirname(path) or b".", exist_ok=True)
    if kind == "dir": os.mkdir(path)
    elif kind == "file": subprocess.run(["cp", "--sparse=always" if "sparse" in line else "--sparse=auto", os.path.join(os.environb[b"BACKUP"], line.get("object", "").encode() or b"data/" + path), b"./" + path], check=True)
    elif kind == "symlink": os.symlink(name(line, "target"), path)
    elif kind == "hardlink": os.link(name(line, "target"), path)
    elif kind == "fifo": os.mkfifo(path)
    elif kind == "device": os.mknod(path, line["mode"], os.makedev(*line["rdev"]))
lines = [line for line in map(json.loads, sys.stdin) if "path" in line and line["kind"] != "socket"]
for line in lines:
    path = name(line, "path")
    if line["kind"] == "hardlink" and os.path.lexists(path) and not os.path.samefile(path, name(line, "target")): os.remove(path)
    if not os.path.lexists(path): make(line, path)
for line in reversed(lines):
    path, link = name(line, "path"), line["kind"] == "symlink"
    if os.geteuid() == 0: os.chown(path, line["uid"], line["gid"], follow_symlinks=False)
    xattrs = line.get("xattrs", {})
    if xattrs and not link: os.chmod(path, 0o700)
    for key, value in xattrs.items():
        try: os.setxattr(path, key, base64.b64decode(value), follow_symlinks=False)
        except OSError as error: print(error, file=sys.stderr)
    if not link: os.chmod(path, stat.S_IMODE(line["mode"]))
    os.utime(path, ns=(int(line["mtime_ns"]),) * 2, follow_symlinks=False)
'
\`\`\`

${databaseNotes}
## Is it whole?

\`${index.name}\` has the size and the BLAKE3 hash of every file (\`zstd -dc ${index.name}\`, then \`b3sum\` of the file in \`data/\`, or in \`odd/\` where the line has an \`object\`).
`
}
