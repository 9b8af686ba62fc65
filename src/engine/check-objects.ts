import { Blake3Hasher } from '@napi-rs/blake-hash'
import { hasCode } from '../core/errors.ts'
import { askObject } from './formats/ask-object.ts'
import type { Artifact } from './open-artifact.ts'
import type { Target } from './targets/target.ts'

export interface CheckedObjects {
  expected: number
  checked: number
}

/**
 * Looks at the objects the manifest names: whether they are there, their sizes, and with `hashes` every byte of them. Those of the files of a raw tree stand in the index.
 * @param options.onDamage told of each that is not as it was stored
 * @throws the target's errors · canceled
 */
export async function checkObjects(
  { target, artifact }: { target: Target; artifact: Artifact },
  options: { hashes: boolean; signal: AbortSignal; onDamage: (object: string, message: string) => void },
): Promise<CheckedObjects> {
  const { hashes, signal, onDamage } = options
  const { manifest, prefix } = artifact
  const objects = [...manifest.artifacts, manifest.entry_index]
  let checked = 0
  for (const { name, size, hash } of objects) {
    signal.throwIfAborted()
    const wrong = await wrongOf(`${prefix}/${name}`, size, hash)
    if (wrong !== null) onDamage(name, wrong)
    checked += 1
  }
  return { expected: objects.length, checked }

  async function wrongOf(key: string, size: number, hash: string): Promise<string | null> {
    try {
      const stat = await askObject(key, () => target.stat(key))
      if (stat === null) return 'is missing'
      if (stat.sizeBytes !== size) return `has ${stat.sizeBytes} bytes instead of ${size}`
      return hashes && (await hashOf(target, key, signal)) !== hash ? 'does not have the bytes its hash was made of' : null
    } catch (error) {
      if (!hasCode(error, 'artifact_damaged')) throw error
      return error.message
    }
  }
}

async function hashOf(target: Target, key: string, signal: AbortSignal): Promise<string> {
  const hasher = new Blake3Hasher()
  for await (const chunk of await askObject(key, () => target.get(key, { signal }))) hasher.update(chunk)
  return hasher.digest('hex')
}
