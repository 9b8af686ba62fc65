import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { endServersIn } from './servers/shared-server.ts'

const exec = promisify(execFile)
const prefix = 'bastion-test-'

/**
 * One folder holds everything a test run creates, because os.tmpdir() answers it from here on, in child processes too. Removing it is exact:
 * it holds nothing of anyone else's. Its name carries the process id of its run, so a later run knows what a killed one left.
 */
export async function openRunFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const before = process.env['TMPDIR']
  const parent = tmpdir()
  await reapRunFolders(parent)
  const folder = await mkdtemp(path.join(parent, `${prefix}${process.pid}-`))
  process.env['TMPDIR'] = folder
  return {
    path: folder,
    async remove() {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
      await removeRunFolder(folder)
    },
  }
}

/** Removes the folders of runs that are no more, with the servers, mounts and loop devices that lie in them. */
export async function reapRunFolders(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = /^bastion-test-(\d+)-[A-Za-z0-9]{6}$/.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) await removeRunFolder(path.join(parent, name))
  }
}

async function removeRunFolder(folder: string): Promise<void> {
  await endServersIn(folder)
  for (const mountPoint of await mountPointsIn(folder)) await exec('umount', [mountPoint])
  for (const device of await loopDevicesOn(folder)) await exec('losetup', ['-d', device])
  await rm(folder, { recursive: true, force: true }).catch(async () => {
    // A folder in it does not let its entries go, or its path is longer than a system call takes. These go down step by step; another run may remove the same.
    await exec('chmod', ['-R', 'u+rwX', folder]).catch(() => {})
    await exec('rm', ['-rf', folder])
  })
}

/** The latest first, as they must be undone. Format: proc_pid_mountinfo(5), where a space is written \040. */
async function mountPointsIn(folder: string): Promise<string[]> {
  const lines = (await readOrEmpty('/proc/self/mountinfo')).split('\n')
  const points = lines.map((line) =>
    (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
  )
  return points.filter((point) => point.startsWith(`${folder}/`)).toReversed()
}

async function loopDevicesOn(folder: string): Promise<string[]> {
  const devices: string[] = []
  const names = await readdir('/sys/block').catch(() => [])
  for (const name of names.filter((each) => each.startsWith('loop'))) {
    const backing = await readOrEmpty(`/sys/block/${name}/loop/backing_file`)
    if (backing.startsWith(`${folder}/`)) devices.push(`/dev/${name}`)
  }
  return devices
}

async function readOrEmpty(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
