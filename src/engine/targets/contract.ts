import { BastionError } from '../../core/errors.ts'
import {
  check,
  chunksOf,
  describe,
  existsDetail,
  failing,
  gated,
  isExists,
  isUnconfirmed,
  listed,
  read,
  readAll,
  rejects,
  rejectsWith,
  same,
  sameBytes,
  sameKeys,
  someBytes,
  turns,
} from './contract-checks.ts'
import type { Target, TargetFeatures } from './target.ts'

/**
 * The promises of {@link Target} as cases that can be run on any place: by the test-suite on every driver and wrapper, and by
 * `bastion target check` on the operator's own storage.
 */
export interface TargetContractCase {
  /** a sentence about what the target does */
  readonly name: string
  /** The case says nothing about a target without these. */
  readonly needs: readonly (keyof TargetFeatures)[]
  /** It names keys outside of its prefix, to see them refused: only for places that hold nothing else. */
  readonly leavesPrefix: boolean
  /** @throws ContractViolation when the promise is not kept; an error of the target where none was due comes through as it is */
  run(target: Target, context: ContractContext): Promise<void>
}

export interface ContractContext {
  /** A directory's key that nothing else uses: everything is put below it. Removing it afterwards is the caller's. */
  readonly prefix: string
  /** How long an abort may take before the target counts as not listening to it. @default 10 s */
  readonly patienceMs?: number
}

/** Whether the case applies to a target with these features. */
export function isCaseFor(contractCase: TargetContractCase, features: TargetFeatures): boolean {
  return contractCase.needs.every((feature) => features[feature] !== undefined)
}

type Run = (target: Target, at: (name: string) => string, prefix: string, patienceMs: number) => Promise<void>

function promise(name: string, run: Run, needs: readonly (keyof TargetFeatures)[] = [], leavesPrefix = false): TargetContractCase {
  return {
    name,
    needs,
    leavesPrefix,
    run: (target, { prefix, patienceMs = 10_000 }) => run(target, (rest) => `${prefix}/${rest}`, prefix, patienceMs),
  }
}

export const targetContract: readonly TargetContractCase[] = [
  promise('what was put is got again, byte for byte', async (target, at) => {
    const bytes = someBytes(100_000, 1)
    const result = await target.put(at('object'), bytes)
    same(result.sizeBytes, bytes.length, 'put says how much it stored')
    sameBytes(await read(target, at('object')), bytes)
  }),

  promise('an object may be empty', async (target, at) => {
    await target.put(at('bytes'), new Uint8Array(0), { sizeBytes: 0 })
    await target.put(at('stream'), chunksOf())
    for (const name of ['bytes', 'stream']) {
      same((await read(target, at(name))).length, 0, 'its bytes')
      same((await target.stat(at(name)))?.sizeBytes, 0, 'its size')
    }
  }),

  promise('a body may come in chunks of any size', async (target, at) => {
    const bytes = someBytes(3_000_000, 2)
    const sizes = [1, 0, 2_000_000, 511, 512, 513, 700_000]
    const chunks: Uint8Array[] = []
    let offset = 0
    for (const size of [...sizes, bytes.length]) {
      chunks.push(bytes.subarray(offset, offset + size))
      offset += size
    }
    const result = await target.put(at('object'), chunksOf(...chunks), { sizeBytes: bytes.length })
    same(result.sizeBytes, bytes.length, 'put says how much it stored')
    sameBytes(await read(target, at('object')), bytes)
  }),

  promise('a body may come in thousands of small chunks', async (target, at) => {
    const bytes = someBytes(50_000, 3)
    const chunks = Array.from({ length: 5_000 }, (_, i) => bytes.subarray(i * 10, i * 10 + 10))
    await target.put(at('object'), chunksOf(...chunks))
    sameBytes(await read(target, at('object')), bytes)
  }),

  promise('an object can be larger than any piece it is sent in', async (target, at) => {
    const megabyte = someBytes(1024 * 1024, 4)
    await target.put(at('object'), chunksOf(...Array<Uint8Array>(9).fill(megabyte), megabyte.subarray(0, 1)))
    same((await target.stat(at('object')))?.sizeBytes, 9 * megabyte.length + 1, 'its size')
    let reached = 0
    for await (const chunk of await target.get(at('object'))) {
      for (let i = 0; i < chunk.length; i += 4093) same(chunk[i], megabyte[(reached + i) % megabyte.length], `the byte at ${reached + i}`)
      reached += chunk.length
    }
    same(reached, 9 * megabyte.length + 1, 'the bytes read')
  }),

  promise('put replaces the whole object, also a longer one', async (target, at) => {
    await target.put(at('object'), someBytes(5_000, 5))
    const shorter = someBytes(10, 6)
    await target.put(at('object'), shorter)
    sameBytes(await read(target, at('object')), shorter)
    same((await target.stat(at('object')))?.sizeBytes, shorter.length, 'its size')
  }),

  promise('a body that was put may be changed afterwards', async (target, at) => {
    const bytes = someBytes(1_000, 7)
    const sent = new Uint8Array(bytes)
    const streamed = new Uint8Array(bytes)
    await target.put(at('bytes'), sent)
    await target.put(at('stream'), chunksOf(streamed))
    sent.fill(0)
    streamed.fill(0)
    sameBytes(await read(target, at('bytes')), bytes)
    sameBytes(await read(target, at('stream')), bytes)
  }),

  promise('what was got belongs to the reader', async (target, at) => {
    const bytes = someBytes(1_000, 8)
    await target.put(at('object'), bytes)
    for await (const chunk of await target.get(at('object'))) chunk.fill(0)
    sameBytes(await read(target, at('object')), bytes)
  }),

  promise('a body of another length than promised is rejected', async (target, at) => {
    const bytes = someBytes(1_000, 9)
    for (const sizeBytes of [0, 999, 1_001]) {
      await rejects(target.put(at('bytes'), bytes, { sizeBytes }), 'target_rejected')
      await rejects(target.put(at('stream'), chunksOf(bytes), { sizeBytes }), 'target_rejected')
    }
  }),

  promise(
    'a put that fails leaves nothing, or the object that was there',
    async (target, at, prefix) => {
      const old = someBytes(100, 10)
      await target.put(at('old'), old)
      const failure = new Error('the source broke')
      for (const name of ['old', 'new', 'deep/er/new']) {
        await rejectsWith(target.put(at(name), failing(failure, someBytes(2_000_000, 11))), failure)
        await rejects(target.put(at(name), chunksOf(someBytes(10, 12)), { sizeBytes: 11 }), 'target_rejected')
      }
      sameBytes(await read(target, at('old')), old)
      same(await target.stat(at('new')), null, 'the object that failed')
      sameKeys(await listed(target, prefix, { recursive: true }), [at('old')])
    },
    ['atomicPut'],
  ),

  promise(
    'while an object is replaced readers see the old one whole',
    async (target, at, prefix) => {
      const old = someBytes(1_000, 13)
      const replacement = someBytes(3_000_000, 14)
      await target.put(at('replaced'), old)
      const gate = Promise.withResolvers<void>()
      const puts = ['replaced', 'new'].map((name) => target.put(at(name), gated(replacement, gate.promise)))
      try {
        await Promise.race([...puts, turns(20)])
        sameBytes(await read(target, at('replaced')), old)
        same(await target.stat(at('new')), null, 'the object on its way in')
        sameKeys(await listed(target, prefix, { recursive: true }), [at('replaced')])
      } finally {
        gate.resolve()
        await Promise.all(puts)
      }
      sameBytes(await read(target, at('replaced')), replacement)
      sameBytes(await read(target, at('new')), replacement)
    },
    ['atomicPut'],
  ),

  promise(
    'of many who put one key at once one is seen whole',
    async (target, at) => {
      const bodies = Array.from({ length: 6 }, (_, i) => new Uint8Array(100_000 + i).fill(i + 1))
      const outcomes = await Promise.allSettled(bodies.map((body) => target.put(at('object'), body)))
      check(
        outcomes.some(({ status }) => status === 'fulfilled'),
        'none of them was stored',
      )
      // A server may leave open what became of one that was overtaken, and do no more.
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') check(isUnconfirmed(outcome.reason), `one was refused: ${describe(outcome.reason)}`)
      }
      const got = await read(target, at('object'))
      const winner = bodies.find((body) => body[0] === got[0])
      check(winner !== undefined, 'the object is none of those that were put')
      sameBytes(got, winner)
    },
    ['atomicPut'],
  ),

  promise('many objects can be put into a new directory at once', async (target, at, prefix) => {
    const names = Array.from({ length: 24 }, (_, i) => `new/directory/${i % 3}/object-${i}`)
    await Promise.all(names.map((name, i) => target.put(at(name), someBytes(i, i))))
    await Promise.all(names.map(async (name, i) => sameBytes(await read(target, at(name)), someBytes(i, i))))
    sameKeys(await listed(target, prefix, { recursive: true }), names.map(at))
  }),

  promise('put with ifAbsent stores where nothing is and is rejected where something is', async (target, at) => {
    const first = someBytes(100, 15)
    await target.put(at('object'), first, { ifAbsent: true })
    const second = target.put(at('object'), someBytes(200, 16), { ifAbsent: true })
    same(await existsDetail(second), true, 'details.exists of the error')
    same(await existsDetail(target.put(at('object'), chunksOf(first), { ifAbsent: true })), true, 'details.exists of the error')
    sameBytes(await read(target, at('object')), first)
    await target.remove(at('object'))
    await target.put(at('object'), chunksOf(first), { ifAbsent: true })
  }),

  promise(
    'of many who put with ifAbsent at once exactly one wins',
    async (target, at, prefix) => {
      const bodies = Array.from({ length: 8 }, (_, i) => new Uint8Array(50_000).fill(i + 1))
      const outcomes = await Promise.allSettled(bodies.map((body) => target.put(at('object'), body, { ifAbsent: true })))
      const winners = bodies.filter((_, i) => outcomes[i]!.status === 'fulfilled')
      same(winners.length, 1, 'the number of winners')
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') check(isExists(outcome.reason), `a loser got ${describe(outcome.reason)}`)
      }
      sameBytes(await read(target, at('object')), winners[0]!)
      sameKeys(await listed(target, prefix, { recursive: true }), [at('object')])
    },
    ['conditionalPut'],
  ),

  promise('an object that is absent cannot be got', async (target, at) => {
    await target.put(at('directory/object'), someBytes(1, 17))
    for (const name of ['absent', 'directory', 'absent/deeper', 'directory/objec', 'directory/object2']) {
      await rejects(target.get(at(name)), 'target_not_found')
    }
  }),

  promise(
    'a range is read as asked, and ends with the object',
    async (target, at) => {
      const bytes = someBytes(3_500_000, 18)
      await target.put(at('object'), bytes)
      const size = bytes.length
      const ranges: [offset: number, length: number][] = [
        [0, 1],
        [0, size],
        [1, 4096],
        [size - 1, 1],
        [size - 10, 1000],
        [1_000_000, 2_200_000],
        [7, Number.MAX_SAFE_INTEGER - 7],
        [size, 1],
        [size + 1000, 10],
        [5, 0],
      ]
      for (const [offset, length] of ranges) {
        sameBytes(await readAll(await target.get(at('object'), { range: { offset, length } })), bytes.subarray(offset, offset + length))
      }
    },
    ['rangeReads'],
  ),

  promise('a range of an absent object is not found, an impossible one is refused', async (target, at) => {
    await target.put(at('object'), someBytes(10, 19))
    await rejects(target.get(at('absent'), { range: { offset: 0, length: 1 } }), 'target_not_found')
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [0, Number.NaN],
      [Number.POSITIVE_INFINITY, 1],
    ] as const) {
      await rejects(target.get(at('object'), { range: { offset, length } }), 'invalid_spec')
    }
  }),

  promise('a reader may stop early, and come again', async (target, at) => {
    const bytes = someBytes(3_000_000, 20)
    await target.put(at('object'), bytes)
    for (let i = 0; i < 3; i++) {
      for await (const chunk of await target.get(at('object'))) {
        check(chunk.length > 0, 'a chunk holds something')
        break
      }
    }
    await target.get(at('object'))
    sameBytes(await read(target, at('object')), bytes)
  }),

  promise('stat tells the size of an object, and null where there is none', async (target, at) => {
    await target.put(at('directory/object'), someBytes(123, 21))
    const stat = await target.stat(at('directory/object'))
    same(stat?.sizeBytes, 123, 'its size')
    check(stat?.modifiedMs === undefined || Number.isFinite(stat.modifiedMs), 'modifiedMs is a number where it is given')
    for (const name of ['directory', 'absent', 'absent/object', 'directory/object/below']) same(await target.stat(at(name)), null, `stat of ${name}`)
  }),

  promise('list shows objects and directories one level below, with whole keys', async (target, at, prefix) => {
    for (const name of ['a', 'b/c', 'b/d/e', 'b2/f']) await target.put(at(name), someBytes(name.length, 22))
    const top = await listed(target, prefix)
    sameKeys(top, ['a', 'b', 'b2'].map(at))
    same(top.find((entry) => entry.key === at('a'))?.kind, 'object', 'the kind of an object')
    same(top.find((entry) => entry.key === at('b'))?.kind, 'directory', 'the kind of a directory')
    const size = top.find((entry) => entry.key === at('a'))?.sizeBytes
    check(size === undefined || size === 1, 'the size of an object is right where it is given')
    sameKeys(await listed(target, at('b')), ['b/c', 'b/d'].map(at))
  }),

  promise('list, recursive, shows every object below and no directory', async (target, at, prefix) => {
    const names = ['a', 'b/c', 'b/d/e', 'b/d/f/g/h', 'b2/f']
    for (const name of names) await target.put(at(name), someBytes(1, 23))
    const all = await listed(target, prefix, { recursive: true })
    sameKeys(all, names.map(at))
    check(
      all.every((entry) => entry.kind === 'object'),
      'only objects are listed',
    )
    sameKeys(await listed(target, at('b'), { recursive: true }), ['b/c', 'b/d/e', 'b/d/f/g/h'].map(at))
  }),

  promise('list of nothing shows nothing, and of an object nothing below it', async (target, at) => {
    await target.put(at('object'), someBytes(1, 24))
    for (const recursive of [false, true]) {
      sameKeys(await listed(target, at('absent'), { recursive }), [])
      sameKeys(await listed(target, at('absent/deeper'), { recursive }), [])
      sameKeys(await listed(target, at('object'), { recursive }), [])
    }
  }),

  promise('the root can be listed', async (target, at, prefix) => {
    await target.put(at('object'), someBytes(1, 25))
    const top = prefix.split('/')[0]!
    check(
      (await listed(target, '')).some((entry) => entry.key === top && entry.kind === 'directory'),
      `${top} is listed at the root`,
    )
  }),

  promise('remove takes one object, and absent is no error', async (target, at, prefix) => {
    for (const name of ['a', 'ab', 'd/a']) await target.put(at(name), someBytes(1, 26))
    await target.remove(at('a'))
    await target.remove(at('a'))
    await target.remove(at('absent/object'))
    await target.remove(at('ab/below'))
    await target.remove(at('d'))
    sameKeys(await listed(target, prefix, { recursive: true }), ['ab', 'd/a'].map(at))
    same(await target.stat(at('a')), null, 'the removed object')
  }),

  promise('removeTree takes all below one directory and nothing beside it', async (target, at, prefix) => {
    const inside = ['run/a', 'run/b/c', 'run/b/d/e']
    const beside = ['run2/a', 'ru', 'other/run/a']
    for (const name of [...inside, ...beside]) await target.put(at(name), someBytes(1, 27))
    same((await target.removeTree(at('run'))).objects, inside.length, 'the objects removed')
    same((await target.removeTree(at('run'))).objects, 0, 'the objects removed the second time')
    same((await target.removeTree(at('absent/run'))).objects, 0, 'the objects removed where nothing is')
    sameKeys(await listed(target, prefix, { recursive: true }), beside.map(at))
    check(!(await listed(target, prefix)).some((entry) => entry.key === at('run')), 'the directory is gone')
    await target.put(at('run/b/again'), someBytes(5, 28))
    sameBytes(await read(target, at('run/b/again')), someBytes(5, 28))
  }),

  promise('removeTree takes what shall go last with the rest', async (target, at, prefix) => {
    for (const name of ['run/a', 'run/b/last', 'run/last', 'run/very-last', 'run2/last']) await target.put(at(name), someBytes(1, 40))
    same((await target.removeTree(at('run'), { last: ['last', 'very-last', 'absent'] })).objects, 4, 'the objects removed')
    same((await target.removeTree(at('run'), { last: ['last'] })).objects, 0, 'the objects removed the second time')
    sameKeys(await listed(target, prefix, { recursive: true }), [at('run2/last')])
    check(!(await listed(target, prefix)).some((entry) => entry.key === at('run')), 'the directory is gone')
  }),

  promise('removeDirectory leaves what is not empty', async (target, at, prefix) => {
    await target.put(at('run/deep/object'), someBytes(1, 41))
    for (const name of ['run', 'run/deep', 'run/deep/object', 'absent', 'absent/deeper']) same(await target.removeDirectory(at(name)), false, name)
    sameKeys(await listed(target, prefix, { recursive: true }), [at('run/deep/object')])
    await target.remove(at('run/deep/object'))
    await target.removeDirectory(at('run/deep'))
    await target.removeDirectory(at('run'))
    sameKeys(await listed(target, prefix), [])
    await target.put(at('run/deep/again'), someBytes(5, 42))
    sameBytes(await read(target, at('run/deep/again')), someBytes(5, 42))
  }),

  promise('removeTree of an object leaves it', async (target, at) => {
    await target.put(at('object'), someBytes(1, 29))
    same((await target.removeTree(at('object'))).objects, 0, 'the objects removed')
    same((await target.stat(at('object')))?.sizeBytes, 1, 'its size')
  }),

  promise(
    'keys that lead elsewhere or nowhere are refused by every method',
    async (target, at, prefix) => {
      await target.put(at('object'), someBytes(1, 30))
      const keys = [
        '/object',
        `/${prefix}/object`,
        at('object/'),
        at('/object'),
        at('../escaped'),
        at('./object'),
        at('..'),
        '..',
        '.',
        '../escaped',
        at('a/./b'),
        at('nu\0l'),
        at('half\ud800'),
      ]
      for (const key of [...keys, '']) {
        await rejects(target.put(key, someBytes(1, 31)), 'invalid_spec')
        await rejects(target.get(key), 'invalid_spec')
        await rejects(target.stat(key), 'invalid_spec')
        await rejects(target.remove(key), 'invalid_spec')
        await rejects(target.removeTree(key), 'invalid_spec')
        await rejects(target.removeDirectory(key), 'invalid_spec')
        if (key !== '') await rejects(listed(target, key), 'invalid_spec')
      }
      sameKeys(await listed(target, prefix, { recursive: true }), [at('object')])
    },
    [],
    true,
  ),

  promise('a key keeps its characters', async (target, at, prefix) => {
    const names = [
      'with space',
      '100%25',
      '%2e%2e',
      'a+b&c=d',
      'q?x#y',
      'it\'s "quoted"',
      'ünï-日本-🗄',
      'tail.',
      '~tilde',
      'a:b',
      'a\\b',
      `long-${'x'.repeat(200)}`,
      'CASE',
    ]
    for (const [i, name] of names.entries()) await target.put(at(`${name}/${name}`), someBytes(i + 1, i))
    for (const [i, name] of names.entries()) sameBytes(await read(target, at(`${name}/${name}`)), someBytes(i + 1, i))
    sameKeys(await listed(target, prefix), names.map(at))
    sameKeys(
      await listed(target, prefix, { recursive: true }),
      names.map((name) => at(`${name}/${name}`)),
    )
  }),

  promise('a name may begin with a dot', async (target, at, prefix) => {
    await target.put(at('.hidden/.object'), someBytes(5, 38))
    sameBytes(await read(target, at('.hidden/.object')), someBytes(5, 38))
    sameKeys(await listed(target, prefix), [at('.hidden')])
    sameKeys(await listed(target, prefix, { recursive: true }), [at('.hidden/.object')])
  }),

  promise('an object that is put in place is stored as any other', async (target, at) => {
    const bytes = someBytes(100_000, 39)
    await target.put(at('new/bytes'), bytes, { inPlace: true })
    await target.put(at('new/stream'), chunksOf(bytes, bytes), { inPlace: true })
    // What a put that failed has left is replaced.
    await target.put(at('new/bytes'), someBytes(10, 47), { inPlace: true })
    await target.put(at('new/bytes'), bytes, { inPlace: true })
    sameBytes(await read(target, at('new/bytes')), bytes)
    same((await target.stat(at('new/stream')))?.sizeBytes, 2 * bytes.length, 'its size')
    const failure = new Error('the source broke')
    await rejectsWith(target.put(at('new/failed'), failing(failure, bytes), { inPlace: true }), failure)
    await rejects(target.put(at('new/failed'), chunksOf(bytes), { inPlace: true, sizeBytes: 1 }), 'target_rejected')
    same(await existsDetail(target.put(at('new/bytes'), new Uint8Array(1), { inPlace: true, ifAbsent: true })), true, 'details.exists of the error')
  }),

  promise('after an abort nothing begins', async (target, at, prefix) => {
    await target.put(at('object'), someBytes(1, 32))
    const signal = AbortSignal.abort()
    await rejects(target.put(at('new'), someBytes(1, 33), { signal }), 'canceled')
    await rejects(target.put(at('new'), chunksOf(someBytes(1, 33)), { signal }), 'canceled')
    await rejects(target.get(at('object'), { signal }), 'canceled')
    await rejects(listed(target, prefix, { signal }), 'canceled')
    same(await target.stat(at('new')), null, 'the object that was not put')
  }),

  promise('an abort ends a put whose body stalls, and leaves nothing of it', async (target, at, prefix, patienceMs) => {
    const aborting = new AbortController()
    const gate = Promise.withResolvers<void>()
    const onWait = (): void => {
      aborting.abort()
      setTimeout(gate.resolve, patienceMs).unref()
    }
    await rejects(target.put(at('object'), gated(someBytes(2_000_000, 34), gate.promise, onWait), { signal: aborting.signal }), 'canceled')
    same(await target.stat(at('object')), null, 'the object that was not put')
    sameKeys(await listed(target, prefix, { recursive: true }), [])
  }),

  promise("an abort's own reason is told where it is one of ours", async (target, at) => {
    const reason = new BastionError('interrupted', 'the process ends')
    await rejectsWith(target.put(at('object'), someBytes(1, 35), { signal: AbortSignal.abort(reason) }), reason)
  }),

  promise('an abort ends a get between its chunks', async (target, at) => {
    await target.put(at('object'), someBytes(6_000_000, 36))
    const aborting = new AbortController()
    const bytes = await target.get(at('object'), { signal: aborting.signal })
    let chunks = 0
    await rejects(
      (async () => {
        for await (const _ of bytes) {
          if (++chunks === 1) aborting.abort()
        }
      })(),
      'canceled',
    )
  }),

  promise(
    'a directory can be made and stays empty, and once more is no error',
    async (target, at, prefix) => {
      const tree = target.tree!
      same(await tree.makeDirectory(at('made/empty')), true, 'making it')
      same(await tree.makeDirectory(at('made/empty')), true, 'making it again')
      same((await listed(target, at('made')))[0]?.kind, 'directory', 'the kind of what was made')
      sameKeys(await listed(target, prefix, { recursive: true }), [])
      await target.put(at('made/empty/object'), someBytes(3, 40))
      sameBytes(await read(target, at('made/empty/object')), someBytes(3, 40))
    },
    ['realTree'],
  ),

  promise(
    'a symbolic link is kept or refused, and never followed, whatever it leads to',
    async (target, at, prefix) => {
      const tree = target.tree!
      const made: string[] = []
      await target.put(at('inside/object'), someBytes(7, 41))
      for (const [name, to] of [
        ['to-object', 'inside/object'],
        ['to-directory', 'inside'],
        ['to-nowhere', '../../../../etc/passwd'],
        ['not-text', '\xff'],
      ] as const) {
        if (await tree.symlink(at(name), to)) made.push(name)
        same(await tree.symlink(at(name), to), false, `making ${name} once more`)
      }
      sameKeys(await listed(target, prefix, { recursive: true }), [at('inside/object')])
      for (const name of ['to-object', 'to-nowhere', 'to-directory/object']) {
        const isMade = made.includes(name.split('/')[0]!)
        await rejects(target.get(at(name)), isMade ? 'target_rejected' : 'target_not_found')
        if (!isMade) continue
        await rejects(target.put(at(`${name}/below`), someBytes(1, 42)), 'target_rejected')
      }
      same((await target.removeTree(at('inside'))).objects, 1, 'the objects removed')
      await target.removeTree(prefix)
      sameKeys(await listed(target, prefix), [])
    },
    ['realTree'],
  ),

  promise(
    'a link is one more name of an object or refused, and takes no other one',
    async (target, at) => {
      const tree = target.tree!
      await target.put(at('object'), someBytes(100, 43))
      await target.put(at('taken'), someBytes(1, 44))
      const isMade = await tree.link(at('deep/er/name'), at('object'))
      same(await tree.link(at('taken'), at('object')), false, 'making it where something is')
      sameBytes(await read(target, at('taken')), someBytes(1, 44))
      await target.remove(at('object'))
      if (isMade) sameBytes(await read(target, at('deep/er/name')), someBytes(100, 43))
      else await rejects(target.get(at('deep/er/name')), 'target_not_found')
    },
    ['realTree'],
  ),

  promise(
    'metadata is taken for what is there, and told where nothing is',
    async (target, at, prefix) => {
      const tree = target.tree!
      const metadata = { mode: 0o100500, uid: 0, gid: 0, mtimeNs: 1_000_000_000_000_000_001n }
      await target.put(at('directory/object'), someBytes(10, 45))
      const isLinked = await tree.symlink(at('link'), 'nowhere')
      for (const name of ['directory/object', 'directory', ...(isLinked ? ['link'] : [])])
        same(await tree.setMetadata(at(name), metadata), true, name)
      same(await tree.setMetadata(at('absent'), metadata), false, 'absent')
      same(await tree.setMetadata(at('absent/deeper'), metadata), false, 'absent/deeper')
      await target.put(at('described'), someBytes(10, 46), { metadata })
      await target.put(at('described in place'), someBytes(10, 46), { metadata, inPlace: true })
      for (const name of ['directory/object', 'described', 'described in place']) {
        const stat = await target.stat(at(name))
        check(stat?.modifiedMs === undefined || Math.round(stat.modifiedMs) === 1_000_000_000_000, `the time of ${name} is the one that was set`)
      }
      for (const name of ['described', 'described in place']) await target.remove(at(name))
      // Nobody may write to the directory now.
      same((await target.removeTree(at('directory'))).objects, 1, 'the objects removed')
      sameKeys(await listed(target, prefix), [])
    },
    ['realTree'],
  ),

  promise(
    'keys of a tree that lead elsewhere are refused',
    async (target, at) => {
      const tree = target.tree!
      for (const key of ['', '..', at('../out'), at('/x'), '/etc']) {
        await rejects(tree.makeDirectory(key), 'invalid_spec')
        await rejects(tree.symlink(key, 'x'), 'invalid_spec')
        await rejects(tree.link(key, at('object')), 'invalid_spec')
        await rejects(tree.link(at('name'), key), 'invalid_spec')
        await rejects(tree.setMetadata(key, { mode: 0, uid: 0, gid: 0, mtimeNs: 0n }), 'invalid_spec')
      }
    },
    ['realTree'],
  ),

  promise('flush, where there is one, succeeds on what was put and on nothing', async (target, at) => {
    await target.flush?.(at('absent'))
    await target.put(at('directory/object'), someBytes(1, 37))
    await target.flush?.(at('directory'))
    await target.flush?.('')
  }),
]
