import type { BytePath } from '../../lib/byte-path.ts'
import type { SqliteAnswer } from './sqlite-check.ts'

/** What one program needs to run on what was restored: beside that all is there, that it is what the program expects. */
export interface DrillRecipe {
  readonly name: string
  /** @throws the system's error */
  check(restored: RestoredTree): Promise<RecipeCheck[]>
}

export interface RecipeCheck {
  name: string
  ok: boolean
  /** what was found, or what is wrong */
  message: string
}

/** What a recipe looks at. Paths are those of the artifact. */
export interface RestoredTree {
  /** files that are SQLite databases */
  readonly databases: readonly BytePath[]
  /** Whether there is a file. */
  hasFile(path: BytePath): boolean
  ask(database: BytePath, queries: readonly string[]): Promise<SqliteAnswer>
}
