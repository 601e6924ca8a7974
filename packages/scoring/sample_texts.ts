const sentences = [
  "Thank you.",
  "I will be there at eight, and I will bring the maps that you asked for.",
  "You are a complete idiot and nobody wants you here.",
  "Person1 asks Person2 to book a table for four people on Friday evening.",
  "What a stupid, worthless idea!",
  "The meeting was moved to room 12; please tell Anna and the others.",
  "Get out of our country.",
  "Honestly, I loved every minute of it: the music, the food, the long walk home.",
  "He says that those people are vermin, and that they should be driven away.",
  "Tom wants to know why the parcel has not arrived, and Lucy promises to call the post office.",
  "lol no way u did that 😂😂",
  "She explains how the loan works: 3.5 % a year over ten years, with no fee for paying early.",
];

/**
 * Texts that a classifier's precisions are compared on: kind and rude ones, of one to about 170 words.
 */
export const sampleTexts: readonly string[] = [
  ...sentences,
  ...sentences.map((first, i) => `${first} ${sentences[(i + 5) % sentences.length]}`),
  sentences.slice(0, 6).join(" "),
  sentences.slice(6).join(" "),
  sentences.join(" "),
  "a",
];
