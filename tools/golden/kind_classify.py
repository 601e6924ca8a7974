"""Cases of a RoBERTa or BERT sequence classifier: logits and probabilities of a padded batch."""

import torch

from case_folder import CaseFolder
from kind_t5 import lengths
from random_models import make_classifier


def record_classify(case: CaseFolder) -> None:
    spec = case.spec
    model = make_classifier(case.model, spec)
    roberta = spec.kind == "roberta_classify"
    first, last, pad = (0, 2, 1) if roberta else (2, 3, 0)
    # RoBERTa's positions start after the pad id, so two fewer fit than the table has rows.
    longest = min(spec.encoder_length, spec.positions - 2 if roberta else spec.positions)
    generator = torch.Generator().manual_seed(spec.seed + 1)
    ids = torch.randint(4, spec.vocab, (spec.batch, longest), generator=generator)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths(spec.batch, longest, generator)):
        mask[row, :length] = 1
        ids[row, 0], ids[row, length - 1] = first, last
        ids[row, length:] = pad
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask).logits
    case.tensors("inputs", {"input_ids": ids, "attention_mask": mask})
    case.tensors("expected", {"logits": logits, "probs": torch.softmax(logits, -1)})
    case.case("position ids are pad_token_id + cumulative count of non-pad tokens, as transformers makes them"
              if roberta else "position ids count from 0; token type ids are all 0; the pooler feeds the classifier")
