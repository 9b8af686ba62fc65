import { accessSync, constants, existsSync } from 'node:fs'
import path from 'node:path'
import { run, say } from './run.mjs'

/**
 * What the tests run besides Node: Debian's package, a command (or an absolute path) by which its presence is seen, and what it is for.
 * A test whose command is missing is skipped with that as its reason.
 */
const testPackages = [
  { package: 'zstd', command: 'zstd', why: 'opens our frames, and makes frames for us to open' },
  { package: 'age', command: 'age', why: 'opens what we encrypt, and encrypts for us to open' },
  { package: 'attr', command: 'setfattr', why: 'sets and reads extended attributes' },
  { package: 'acl', command: 'setfacl', why: 'sets and reads POSIX ACLs' },
  { package: 'btrfs-progs', command: 'mkfs.btrfs', why: 'real Btrfs on a loop device' },
  { package: 'xfsprogs', command: 'mkfs.xfs', why: 'real XFS on a loop device' },
  { package: 'util-linux', command: 'losetup', why: 'loop devices, mount, unshare' },
  { package: 'strace', command: 'strace', why: 'counts the system calls that reach a disk, and stops a run at a chosen one' },
  { package: 'python3', command: 'python3', why: 'tarfile, an independent reader of our archives' },
  { package: 'git', command: 'git', why: 'a fresh clone, and real trees to back up' },
  { package: 'curl', command: 'curl', why: 'uses the HTTP API without anything of ours' },
  { package: 'procps', command: 'ps', why: 'looks at process groups and memory from outside' },
  { package: 'apache2-bin', command: 'apache2', why: 'WebDAV by mod_dav, with Basic, Digest and TLS' },
  { package: 'nginx', command: 'nginx', why: 'WebDAV with the least a server can know of it' },
  { package: 'libnginx-mod-http-dav-ext', command: '/usr/lib/nginx/modules/ngx_http_dav_ext_module.so', why: 'lists collections for nginx' },
  { package: 'openssl', command: 'openssl', why: 'makes certificates' },
  { package: 'openssh-server', command: 'sshd', why: 'a real SFTP server, on loopback with a configuration of its own' },
  { package: 'openssh-client', command: 'ssh-agent', why: 'makes keys, and keeps one as an agent does' },
  { package: 'restic', command: 'restic', why: 'a peer in the benchmarks' },
  { package: 'borgbackup', command: 'borg', why: 'a peer in the benchmarks' },
  { package: 'rclone', command: 'rclone', why: 'serves WebDAV, S3 and SFTP; a peer in the benchmarks' },
  { package: 'radosgw', command: 'radosgw', why: 'a real S3 server for the s3 target' },
  { package: 'ceph-mon', command: 'ceph-mon', why: 'the cluster behind it' },
  { package: 'ceph-osd', command: 'ceph-osd', why: 'its store, in memory' },
  { package: 'swift-proxy', command: 'swift-proxy-server', why: 'another S3 server, which knows less of S3' },
  { package: 'swift-account', command: 'swift-account-server', why: 'its accounts' },
  { package: 'swift-container', command: 'swift-container-server', why: 'its buckets' },
  { package: 'swift-object', command: 'swift-object-server', why: 'its objects' },
  { package: 'memcached', command: 'memcached', why: 'what it keeps in mind' },
  { package: 'chromium', command: 'chromium', why: 'opens the web interface as people do' },
  { package: 'rsync', command: 'rsync', why: 'compares restored trees; a peer in the benchmarks' },
]

// Where an ordinary user's PATH ends and mkfs and losetup live.
const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']

export function missingTestPackages() {
  return testPackages.filter(({ command }) => !isPresent(command))
}

/** Installs what is missing where it may, and says what stays missing. Never fails: the tests that need it are skipped, and say why. */
export async function installTestPackages() {
  const missing = missingTestPackages()
  if (missing.length === 0) return
  const names = missing.map((each) => each.package)
  if (process.getuid?.() === 0 && isPresent('apt-get')) {
    say(`bastion: installing for the tests: ${names.join(' ')} …`)
    const { ok, output } = await aptInstall(names)
    if (!ok) say(output)
  }
  const still = missingTestPackages()
  if (still.length === 0) return
  say('bastion: missing, so the tests that need them are skipped:')
  for (const each of still) say(`  ${each.package.padEnd(12)} ${each.why}`)
  say(`  install them: apt-get install ${still.map((each) => each.package).join(' ')}`)
}

/** @param {readonly string[]} names */
async function aptInstall(names) {
  // Servers are started by the tests that want them: installing one starts no service, by systemd or by init scripts.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', SYSTEMD_OFFLINE: '1', RUNLEVEL: '1' }
  const args = ['install', '-y', '--no-install-recommends', ...names]
  const first = await run('apt-get', args, { env })
  if (first.ok) return first
  // A new machine or image has no package lists yet.
  const update = await run('apt-get', ['update'], { env })
  return update.ok ? run('apt-get', args, { env }) : update
}

/** @param {string} command */
function isPresent(command) {
  if (path.isAbsolute(command)) return existsSync(command)
  return folders.some((folder) => isExecutable(path.join(folder, command)))
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
