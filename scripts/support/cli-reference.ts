import type { Argument, Command, Option } from 'commander'
import { exitCodes } from '../../src/cli/exit-code.ts'
import { createProgram } from '../../src/cli/program.ts'
import { code, markdownTable } from './markdown-table.ts'

const exitCodeMeanings: Record<keyof typeof exitCodes, string> = {
  ok: 'done',
  failed:
    'failed; for `verify` and `restore --damaged` also: damage was found; for `doctor`: something does not work; for `target check`: a promise is not kept',
  usage: 'the command line asks for something that cannot be meant; no artifact was written',
  warnings:
    'done, but something deserves a look: `backup` stored an artifact though files changed or could not be read, `restore` left something that was in its way, `find` or `history` could not look into every artifact, `snapshot probe` found something that would be read live, `leases reap` could not remove a snapshot, `doctor` found a problem',
  interrupted: 'stopped by Ctrl-C, SIGTERM or SIGHUP; a backup has removed what it had stored',
}

/** docs/reference/cli.md */
export function cliReference(): string {
  const program = createProgram(async () => {})
  const commands = allCommands(program)
  return `<!-- Made by scripts/docs-reference.mjs from the program itself. Edit src/cli or scripts/support/cli-reference.ts, not this file. -->

# Command line

${program.description()}

In a checkout \`bastion\` is \`npm start --\`: \`npm start -- backup ~/Documents --to ./backups\`. \`bastion help COMMAND\` shows what is below.

${commands.map((command) => `- [\`${nameOf(command)}\`](#${nameOf(command).replaceAll(' ', '-')}) ${command.description()}`).join('\n')}

${commands.map(commandText).join('\n\n')}

## How things are named

**A target** is the folder or URL that keeps artifacts: \`/backups\`, \`./backups\`, \`file:///backups\`. \`memory:\` forgets everything at the end of the
process and is for trying things out.

**A WebDAV target** is \`webdav+https://host/dir\` (or \`webdav+http://\`, which anybody on the way can read). Its account stands in \`BASTION_WEBDAV_USERNAME\` and
\`BASTION_WEBDAV_PASSWORD\`, or in the URL: \`webdav+https://user:password@host/dir\`, percent-encoded. The server must allow PUT, MKCOL, MOVE, DELETE and PROPFIND. A
certificate that a CA of your own has signed is trusted when the file \`NODE_EXTRA_CA_CERTS\` names holds that CA.

**An SFTP server** is \`sftp://user@host:port/srv/backups\`, or \`sftp://user@host/~/backups\` from where the account starts. It is known by its host key, whose
fingerprint (\`SHA256:…\`) is pinned with \`?host_key=\` behind the folder or in \`BASTION_SFTP_HOST_KEY\`; without one, or when the server shows another, nothing
is sent and the error tells the fingerprint seen. \`?timeout_s=\` says how long it may be silent. A password in a URL can be seen by other users of this
machine: better use a key, an agent or the environment.

**An S3 target** is \`s3://bucket/prefix\`, at Amazon S3 or with \`?endpoint=https://host\` at any store that speaks its protocol; also \`region=…\` and
\`path_style=true|false\`. The bucket must exist. Keys stand in \`AWS_ACCESS_KEY_ID\` and \`AWS_SECRET_ACCESS_KEY\` (\`AWS_SESSION_TOKEN\`, \`AWS_REGION\`,
\`AWS_ENDPOINT_URL_S3\`), or in the URL: \`s3://ID:SECRET@bucket\`, percent-encoded; without any, what the AWS tools on the machine use. The account needs to list, get, put
and delete objects, and to list and abort multipart uploads.

**A target can be tried** with \`bastion target check TARGET\`, before the first backup or at any time: it needs the rights of a backup, stores and reads some 50 MB in a new
directory (\`bastion_check_…\`, removed at the end, also after Ctrl-C) and touches nothing else. A folder that was not there is made, and stays, empty. For each promise it
says \`ok\`, \`FAILED\` and why, or that the target does not claim it, and then what it means for backups that something is missing. The promises:
[a new kind of target](../extending/a-target.md).

**An artifact** is \`TARGET/JOB/RUN\`, as \`backup\` prints it; \`list\` prints \`JOB/RUN\`. \`TARGET/JOB@latest\` is the one of a job that was completed last,
\`TARGET@latest\` the same for a target with one job. Damaged artifacts are never the latest. What stands behind the \`?\` of a TARGET may also come last:
\`s3://bucket/prefix/JOB/RUN?endpoint=…\`.

**A relative path** is meant from where you stand, also under \`npm start\` (npm tells it in \`INIT_CWD\`).

**A path inside an artifact** is the absolute path of the source, with or without its leading slash. A control character, or a byte that is no UTF-8,
is written \`\\xNN\`, as \`ls\` and \`find\` print it. A backslash that would read as such is \`\\x5c\`.

**A pattern** (\`--exclude\`, \`--include\`, \`--only\`, \`find\`) is written as in .gitignore and matched on absolute paths. Case counts.

| pattern | matches |
| --- | --- |
| \`*.tmp\` | without a slash: any name, at any depth |
| \`build/out\`, \`a/*.log\` | with a slash inside: relative to each source path; relative to \`/\` for \`--only\` and \`find\` |
| \`/srv/app/cache\` | with a slash in front: the absolute path |
| \`cache/\` | with a slash at the end: directories only |
| \`*\` \`?\` \`[a-z]\` \`[!a]\` \`[[:digit:]]\` | characters of one name, never a slash |
| \`**\` | as a whole segment: any number of directories, none too; at the end: everything inside |
| \`\\*\` \`\\!\` | the character itself |
| \`!keep.tmp\` | in \`--exclude\` only: takes back an earlier one; the last that matches decides |

What matches a directory counts for everything below it. An exclusion goes before an inclusion. A source path itself is never excluded.

## Output

Results go to stdout; messages and the progress line go to stderr. The progress line appears on a terminal only. With \`--json\` stdout holds JSON
lines and nothing else: one value for \`verify\`, \`restore\` and \`target check\`, one for each artifact, entry, difference, place, lease or finding for \`list\`, \`ls\`, \`find\`, \`diff\`, \`snapshot probe\`, \`leases\` and \`doctor\`, and for
\`backup\` every event as it happens, then \`{"kind":"result",…}\`. A failure is \`{"kind":"error","code":…}\`, see [errors](errors.md); a command line that
is refused before a command begins is told on stderr only.
Under \`npm start\` add \`--silent\`: \`npm start --silent -- list ./backups --json\`, or npm's own lines come before.

## Exit codes

${markdownTable(
  ['code', 'meaning'],
  Object.entries(exitCodes).map(([name, exitCode]) => [String(exitCode), exitCodeMeanings[name as keyof typeof exitCodes]]),
)}

## Environment

${markdownTable(
  ['variable', 'meaning'],
  [
    [code('BASTION_IDENTITY'), 'the age identity file when `--identity` is not given, or the identity itself (`AGE-SECRET-KEY-1…`)'],
    [code('BASTION_DATA_DIR'), 'where Bastion keeps its own data when `--data-dir` is not given'],
    [
      code('XDG_DATA_HOME'),
      'without either, the data directory is `bastion` in here; without this too `/var/lib/bastion` for root, else `~/.local/share/bastion`',
    ],
    [code('BASTION_HUB_URL'), 'the Hub that `login`, `job` and `run` speak to; without it the one signed in to last, or the one of this machine'],
    [code('BASTION_PASSWORD'), 'for `login`, where there is no terminal to ask'],
    [code('BASTION_HOST'), '`hub --host`'],
    [code('BASTION_PORT'), '`hub --port`'],
    [code('BASTION_TLS_CERT'), '`hub --tls-cert`'],
    [code('BASTION_TLS_KEY'), '`hub --tls-key`'],
    [code('BASTION_PUBLIC_URL'), '`hub --public-url`'],
    [code('BASTION_METRICS_TOKEN'), 'what whoever reads `/metrics` of a Hub from elsewhere sends as `Authorization: Bearer`'],
    [code('BASTION_WEBDAV_USERNAME'), 'the account on a WebDAV server whose URL names none'],
    [code('BASTION_WEBDAV_PASSWORD'), 'its password'],
    [code('BASTION_SFTP_USERNAME'), 'the account on an SFTP server whose URL names none; without it, your own name here'],
    [code('BASTION_SFTP_PASSWORD'), 'its password'],
    [code('BASTION_SFTP_KEY_FILE'), 'the file of a private key it accepts'],
    [code('BASTION_SFTP_KEY_PASSPHRASE'), 'the passphrase of that file'],
    [code('BASTION_SFTP_HOST_KEY'), 'fingerprint of the host key of the server, `SHA256:…`; several have commas between them'],
    [code('SSH_AUTH_SOCK'), 'the socket of an SSH agent that holds the key'],
    [code('BASTION_SNAPSHOT_ROOTS'), 'directories of which source snapshots may be made, with `:` between them, beside those of `--snapshot-root`'],
    [code('BASTION_SNAPSHOT_PROVIDERS'), 'the providers that may be used, with `,` between them; all when it is not set'],
    [code('NO_COLOR'), 'no colours'],
  ],
)}
`
}

/** Those that do something: `snapshot` only holds `snapshot probe`. */
export function allCommands(program: Command): Command[] {
  const visible = new Set(program.createHelp().visibleCommands(program))
  return program.commands
    .filter((command) => visible.has(command))
    .flatMap((command) => (command.commands.length === 0 ? [command] : allCommands(command)))
}

export function nameOf(command: Command): string {
  const isTop = (command.parent?.parent ?? null) === null
  return isTop ? command.name() : `${nameOf(command.parent!)} ${command.name()}`
}

function commandText(command: Command): string {
  const { registeredArguments: args } = command
  const sections = [`## ${nameOf(command)}`, capitalized(command.description()), `\`\`\`\nbastion ${nameOf(command)} ${command.usage()}\n\`\`\``]
  if (args.length > 0) sections.push(markdownTable(['argument', 'meaning', 'default'], args.map(argumentRow)))
  if (command.options.length > 0) sections.push(markdownTable(['option', 'meaning', 'default'], command.options.map(optionRow)))
  return sections.join('\n\n')
}

function argumentRow(argument: Argument): string[] {
  return [code(`${argument.name()}${argument.variadic ? '…' : ''}`), argument.description, defaultText(argument.defaultValue)]
}

function optionRow(option: Option): string[] {
  return [code(option.flags), option.description, option.mandatory ? 'required' : defaultText(option.defaultValue)]
}

function defaultText(value: unknown): string {
  return typeof value === 'string' ? code(value) : ''
}

function capitalized(sentence: string): string {
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`
}
