// What is pushed, how far, and which token: each word on the screen with its explanation, as JSON, which
// stability/instrument/words.py reads too.

export const GLOSSARY = {
  "What is pushed": {
    "token": "A piece of text, often a word with the space before it (␣Paris). The model reads tokens, and gives each possible next token a probability. Some are parts of a character (part of 🍕), which other tokens complete; where it is not known which, ⟨F09F⟩ gives their bytes.",
    "logits": "One number for each possible next token. Their exponentials, scaled to sum to one, are the probabilities.",
    "vector": "The list of numbers inside the model that is pushed. At the site “prelogit” it is the one from which the logits are computed; at “final” and at a “block” it lies deeper, and the rest of the network runs above it. Lengths are in the vector's own coordinates, or in per cent of its length ‖vector‖. Lengths at different sites cannot be compared.",
    "direction": "Where the vector is pushed to: an arrow of length one among all directions there are. Pushed by t, the vector moves t along it; a negative t is the opposite way.",
    "curvature": "How fast the prediction changes along a direction v: pushed by t it changes by KL ≈ ½ t² vᵀHv, and vᵀHv is the curvature. H, the Hessian, holds it for all directions at once.",
    "eigendirection": "One of a set of directions at right angles to each other, along which H only stretches. Eigendirection 1 is the most sensitive: no other direction changes the prediction as fast.",
    "eigenvalue": "The curvature along an eigendirection. The larger it is, the shorter the push that changes the prediction.",
    "trace": "The sum of all eigenvalues of H: the curvature of all directions together.",
    "effective rank": "How many eigendirections share the curvature, as if equally: the exponential of the entropy of all their shares; a range where not all of them are known.",
    "seed": "The number from which a random direction is drawn. The same seed gives the same direction.",
    "covariance-matched": "A random direction that prefers where the model's own vectors vary much. A plain random direction prefers none.",
    "random direction": "An arrow that prefers no direction, drawn from a seed. Most of what it pushes hardly matters, so the prediction stays the same for longer.",
    "token difference": "The direction that raises the logit of one token over that of another fastest.",
    "cheapest push": "The direction in which a token becomes the most likely while the prediction changes least, in nats; below the readout, as far as curvature at the start can tell."
  },
  "How far": {
    "nat": "The unit of KL and entropy, as metres are of length: information counted by natural logarithms. One nat is 1.44 bits.",
    "KL": "The size of a change of the prediction, in nats. If the original model draws the next token, it is how much more surprised by it, on average, a reader is who expects the changed probabilities. Zero is no change.",
    "ε": "The KL at which the prediction counts as changed: you choose it.",
    "stable region": "All pushes of the vector that change the prediction by less than ε.",
    "boundary": "The edge of the stable region along a direction: where KL reaches ε. It lies at another distance on the − side than on the + side, and may never come.",
    "closed form": "The formula r = √(2ε / vᵀHv): where ½ t² vᵀHv reaches ε. It takes KL for a parabola, so it is an approximation, the same on both sides; the numbers called actual are the truth.",
    "actual": "Where the true KL first reaches ε: exact where the logits are linear in the vector, elsewhere found by running the network. Beneath stands how far the formula is from it.",
    "jump": "A place where the prediction changes all at once, so that KL leaps past ε.",
    "trust range": "How far along the line the parabola ½ t² vᵀHv stays within 10 % of the true KL.",
    "certified": "An interval that is proved to hold the boundary, from the curvature and the steepest slopes of the logits, without searching for it.",
    "certified ball": "A length proved for all directions at once: no shorter push changes the prediction by more than ε.",
    "calibrated": "Where the boundary probably lies, judged by 200 boundaries of other prompts with proved intervals as wide: their middle place in the interval gives the number, and nine in ten lie in the range behind it (some seven in ten where the prediction is nearly certain).",
    "cumulants": "The terms κ of the series KL = κ₂t²/2 + κ₃t³/6 + κ₄t⁴/24 + …. κ₂ is the curvature; κ₃ makes the two sides differ."
  },
  "How strong": {
    "steering vector": "A list of numbers that is added to a vector inside the model, at every token and times a coefficient, so that it writes otherwise: happier, say.",
    "coefficient": "How many times a steering vector is added as it is in its file. A negative one is the opposite way.",
    "dose": "The coefficient at which the predictions have changed by ε, on either side. Predicted by the closed form √(2ε / I), where I says how fast they change; true where KL first reaches ε, found by running the network."
  },
  "Which token": {
    "entropy": "How open the prediction is: 0 nats where one token is certain, more where many are likely.",
    "margin": "The gap between the two largest logits: e to the margin is how many times as likely the first token is as the second.",
    "flip": "A place where another token becomes the most likely one.",
    "nearest flip": "The shortest push, of all directions, that makes another token the most likely one.",
    "token constraint bound": "A length that ranks predictions by how hard their probabilities are to move: the larger, the harder (Liu et al., 2026). No boundary lies there."
  }
};
