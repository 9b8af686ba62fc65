import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFrozenView, type Turn } from '../../../src/engine/snapshots/frozen-view.ts'

const name = fc.constantFrom('a', 'b', 'ab', 'a b', 'ÿ', '.x')
const at = fc.array(name, { maxLength: 4 }).map((names) => `/${names.join('/')}`)
const turn = at.chain((real) =>
  fc.boolean().map((isFrozen): Turn => ({
    logical: real,
    real,
    frozen: isFrozen ? { path: `/snapshots/of${real === '/' ? '' : real}`, grade: 'atomic_volume' } : null,
  })),
)
const turns = fc.uniqueArray(turn, { maxLength: 6, selector: ({ real }) => real })

/** The rule as it is said: the longest turn that is the path or above it decides, and what is below it is below it there. */
function expected(all: readonly Turn[], path: string): { physical: string; frozen: string | false } {
  const above = all.filter(({ real }) => path === real || real === '/' || path.startsWith(`${real}/`))
  const nearest = above.toSorted((x, y) => y.real.length - x.real.length)[0]
  if (nearest === undefined || nearest.frozen === null) return { physical: path, frozen: false }
  const rest = path.slice(nearest.real === '/' ? 0 : nearest.real.length)
  return { physical: `${nearest.frozen.path}${path === '/' ? '' : rest}`, frozen: nearest.frozen.grade }
}

test('a path is read where the nearest turn above it says', () => {
  fc.assert(
    fc.property(turns, at, (all, path) => {
      const view = createFrozenView(all)
      expect(view.placeOf(path)).toEqual({ ...expected(all, path), live: path })
      expect(view.turnAt(path)).toBe(all.find(({ real }) => real === path))
    }),
  )
})

test('walking down, asking only where a turn is, leads to the same places', () => {
  fc.assert(
    fc.property(turns, fc.array(name, { maxLength: 5 }), (all, names) => {
      const view = createFrozenView(all)
      let place = view.placeOf('/')
      for (const each of names) {
        const live = place.live === '/' ? `/${each}` : `${place.live}/${each}`
        const physical = `${place.physical === '/' ? '' : place.physical}/${each}`
        place = view.turnsIn(place.live)?.has(each) === true ? view.placeOf(live) : { physical, frozen: place.frozen, live }
      }
      expect(place).toEqual({ ...expected(all, `/${names.join('/')}`), live: `/${names.join('/')}` })
    }),
  )
})
