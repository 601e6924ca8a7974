"""Raw logits of a classifier's folder for texts, by transformers: one text at a time, so that no padding is involved.

    python classifier_golden.py --model DIR < texts.json

Reads a JSON list of texts; prints JSON: labels in the order of the logits, and the logits of each text.
"""

import argparse
import json
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForSequenceClassification.from_pretrained(args.model, dtype=torch.float32).eval()
    with torch.inference_mode():
        logits = [model(**tokenizer(text, return_tensors="pt")).logits[0].tolist() for text in json.load(sys.stdin)]
    labels = model.config.id2label
    print(json.dumps({"labels": [labels[i] for i in range(len(labels))], "logits": logits}))


if __name__ == "__main__":
    main()
