/** Terminal colours of the prefixes, one for each name in turn. */
const colours = [36, 33, 35, 32];

/** Writes lines with the name of who said them in front; in colour on a terminal. */
export function prefixed(
  stream: { write(text: string): unknown; readonly isTTY?: boolean },
): (name: string, line: string) => void {
  const seen: string[] = [];
  return (name, line) => {
    if (!seen.includes(name)) seen.push(name);
    const label = name.padEnd(9);
    const colour = colours[seen.indexOf(name) % colours.length];
    stream.write(stream.isTTY ? `\x1b[${colour}m${label}\x1b[0m ${line}\n` : `${label} ${line}\n`);
  };
}
