import { targetDescriptions } from '../../../../../src/protocol/target-descriptions.ts'
import { literal } from '../../../locales/literal.ts'

type Descriptions = typeof targetDescriptions
type ShownKind = Exclude<keyof Descriptions, 'memory'>
type OptionHelp = { [Kind in ShownKind]: { [Name in keyof Descriptions[Kind]['options']]: string } }

/** As the drivers say it themselves. */
function optionHelp(): OptionHelp {
  const helpOf = ({ options }: { options: Record<string, { help: string }> }) =>
    Object.fromEntries(Object.entries(options).map(([name, { help }]) => [name, literal(help)]))
  return Object.fromEntries(Object.entries(targetDescriptions).map(([kind, description]) => [kind, helpOf(description)])) as unknown as OptionHelp
}

/** Kinds of targets and their options. What has no text here is shown as its driver describes it. */
export const targetsEn = {
  kind: { local_dir: 'Folder', webdav: 'WebDAV', s3: 'S3 bucket', sftp: 'SFTP server' },
  help: {
    local_dir: 'A folder on a disk, a USB drive or a mounted network share. It is created when the first backup is stored.',
    webdav: 'A collection on a WebDAV server: Nextcloud, Apache, nginx, a NAS, rclone. It is created when the first backup is stored.',
    s3: 'A bucket of Amazon S3 or of a store that speaks its protocol, such as Ceph, MinIO, Garage, R2 or B2. The bucket must exist.',
    sftp: 'A folder on a server that can be reached by SSH, such as a NAS or a storage box. It is created when the first backup is stored.',
  },
  optionHelp: optionHelp(),
  option: {
    path: 'Folder',
    base_url: 'Address',
    username: 'User name',
    password: 'Password',
    ca_certificate: 'CA certificate',
    timeout_s: 'Timeout (seconds)',
    host: 'Server',
    port: 'Port',
    host_key: 'Host key',
    private_key: 'Private key',
    passphrase: 'Passphrase',
    agent_socket: 'SSH agent',
    bucket: 'Bucket',
    prefix: 'Prefix',
    endpoint: 'Endpoint',
    region: 'Region',
    path_style: 'Path-style addresses',
    access_key_id: 'Access key ID',
    secret_access_key: 'Secret access key',
    session_token: 'Session token',
  },
}
