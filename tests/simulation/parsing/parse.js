// Reads one document in hex a line and writes what JSON.parse makes of it, in the canonical form of canonical.py.
"use strict";

const hex = (text) => Buffer.from(text, "utf8").toString("hex");

function canonical(value) {
  if (value === null) return "n";
  if (typeof value === "boolean") return value ? "t" : "f";
  if (typeof value === "string") return "'" + hex(value);
  if (typeof value === "number") {
    const bits = Buffer.alloc(8);
    bits.writeDoubleBE(value);
    return "#" + bits.toString("hex");
  }
  if (Array.isArray(value)) return "[" + value.map(canonical).join(",") + "]";
  return "{" + Object.keys(value).map((key) => hex(key) + ":" + canonical(value[key])).sort().join(",") + "}";
}

function parsed(document) {
  try {
    return canonical(JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(document)));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return "!";
    throw error;
  }
}

const lines = require("fs").readFileSync(0, "ascii").split("\n").slice(0, -1);
process.stdout.write(lines.map((line) => parsed(Buffer.from(line, "hex")) + "\n").join(""));
