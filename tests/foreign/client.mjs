// What every client of this folder is told by the test: where the server is, and whose key it holds.
export const issuer = new URL(process.env.ISSUER);
export const id = process.env.CLIENT_ID;
export const secret = process.env.CLIENT_SECRET;

// Ends the run unless `holds`.
export function expect(holds, what) {
  if (!holds) {
    console.error(`expected: ${what}`);
    process.exit(1);
  }
}
