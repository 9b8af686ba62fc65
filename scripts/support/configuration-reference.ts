import { describeSetting, settingNames } from '../../src/cli/settings-table.ts'
import { code, markdownTable } from './markdown-table.ts'

/** docs/reference/configuration.md */
export function configurationReference(): string {
  const rows = settingNames.map((name) => {
    const { flag, env, help, fallback, fallbackText, isStored } = describeSetting(name)
    const usual = fallbackText ?? (fallback === null ? '' : code(JSON.stringify(fallback)))
    return [code(name), help, flag === undefined ? '' : code(flag), code(env), usual, isStored === true ? 'yes' : '']
  })
  return `<!-- Made by scripts/docs-reference.mjs from src/cli/settings-table.ts. Edit that file, not this one. -->

# Configuration

Of a Hub and the node of its machine. A value is taken from the first that has it:

1. the flag of \`bastion hub\`;
2. the environment;
3. the configuration file;
4. what an administrator has changed on the Hub's pages or by its API, for those that can be changed while it runs;
5. the default.

\`bastion config\` shows every value and where it comes from; it takes the flags of \`bastion hub\`. Commands that need no Hub go by \`data_dir\`, \`snapshot_roots\` and \`snapshot_providers\` too.

## The file

\`--config FILE\`, or \`BASTION_CONFIG\`; else \`$XDG_CONFIG_HOME/bastion/config.json\` (in \`~/.config\` when that is not set), for root \`/etc/bastion/config.json\`. It is one JSON object with the names
below. Relative paths in it are meant from its own directory. A name that is not below is refused, so that a slip is not passed over. When it holds a token, let its owner alone read it.

\`\`\`json
{
  "host": "0.0.0.0",
  "tls_cert": "tls/cert.pem",
  "tls_key": "tls/key.pem",
  "snapshot_roots": ["/srv", "/home"],
  "allowed_hooks": [["/usr/bin/docker", "stop", "app"]],
  "runs_per_node": 3
}
\`\`\`

In the environment lists of paths have \`:\` between them, other lists \`,\`; switches are \`true\` or \`false\`; \`allowed_hooks\` and \`default_retention\` are JSON. What is decided by flag, environment or file cannot be changed on the Hub's pages.

## Settings

${markdownTable(['name', 'meaning', 'flag', 'environment', 'default', 'can be changed on the Hub'], rows)}

Passwords and passphrases are never configuration: \`BASTION_PASSWORD\` and \`BASTION_PASSPHRASE\` answer the question of a single command, and \`BASTION_HUB_URL\` says which Hub the command line speaks to.
`
}
