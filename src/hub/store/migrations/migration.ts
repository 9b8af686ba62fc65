/**
 * One step of the database, applied in one transaction. Never edited once a release has it: databases of that release would not get the edit.
 */
export interface Migration {
  /** 1 for the first, without a gap */
  readonly version: number
  readonly name: string
  readonly statements: readonly string[]
}
