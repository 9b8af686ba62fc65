/** Where time comes from: handed in, so that tests decide it. */
export interface Clock {
  /** milliseconds since 1970 */
  now(): number
}
