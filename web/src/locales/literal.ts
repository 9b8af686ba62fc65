/** A text as it stands: these letters mean something to the message format. */
export function literal(text: string): string {
  return text.replace(/[@{}|]/g, (letter) => `{'${letter}'}`)
}
