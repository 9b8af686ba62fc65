/** What was found of a machine. `note`: good to know. `problem`: something is missing or deserves a look. `failure`: it does not work like this. */
export interface Finding {
  subject: string
  state: 'ok' | 'note' | 'problem' | 'failure'
  message: string
  /** what to do about it */
  hint?: string
}
