"""The study's constants, each with its unit and its source. A classifier's own rates are in models/architectures.py, the values that
experiment 3's variants try in experiments/e3.py.

Source, if no other is named: the code and README of the original study, MinaAlmasi/CIFAKE-image-classifiers (2023).
"""

# The data: CIFAKE (Bird & Lotfi, 2023, arXiv:2303.14126), with CIFAR-10's classes in CIFAR-10's order.
SOURCES = ("REAL", "FAKE")  # photographs, generated images; the order of every table and figure
OTHER = dict(zip(SOURCES, SOURCES[::-1], strict=True))  # source -> the one that experiment 2 tests its classifiers on
SPLITS = ("train", "test")
CIFAKE_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAKE_IMAGES = 100_000  # for training, of both sources
IMAGE_SHAPE = (32, 32, 3)  # height and width in pixels, RGB channels
VALIDATION_SHARE = 0.2  # of the rows of train.csv, the first ones; the file order interleaves the classes

# The classifiers; models/architectures.py has the table of them.
HIDDEN_UNITS = 128  # of the dense layer before the output, in all three
LENET_FILTERS = (32, 50)  # of the first and the second convolution
LENET_KERNELS = (3, 5)  # pixels, square
PIXEL_SCALE = 1 / 255  # NN and LeNet see pixels in [0, 1]

# The training.
BATCH_SIZE = 64  # images
EPOCHS = 20  # at most
PATIENCE = 2  # epochs without a better validation accuracy before training stops
SEED = 129
LEARNING_RATE = 0.01  # of SGD without momentum, at the first step
DECAY_RATE = 0.9  # the learning rate is multiplied by this ...
DECAY_STEPS = 10_000  # ... every so many steps, exponentially

# Experiment 2: the original study tested its two best FAKE classifiers, by macro F1 on FAKE, on the REAL test images.
BEST = 2

# Experiment 3: what a generated image is worth. This project's choices.
GAUSSIAN = "Gaussian"  # the control: images drawn from a Gaussian that knows nothing but the photographs it is fitted to
COMPONENTS = 500  # of the principal components of a class, at most, that the Gaussian is fitted in
BUDGETS = (100, 300, 1_000, 3_000, 10_000, 40_000)  # images
STEPS = 6_000  # of a training on up to 3,000 images, BATCH_SIZE images each; one with two phases gives half to each
MORE_STEPS = {10_000: 2, 40_000: 10 / 3}  # times STEPS, from so many images on
MOMENTUM = 0.9  # Nesterov's
WARM_UP = 500  # steps in which the learning rate rises to its peak, at most a sixth of a phase; then it falls as a cosine to 0
WEIGHT_DECAYS = (0.0, 0.0005, 0.005, 0.05)  # that were tried on the validation images, with each classifier's rates
SECOND_RATES = (1.0, 0.3, 0.1)  # peak rates of the second phase that were tried, as shares of the first one's
TUNED_AT = (1_000, 40_000)  # REAL images
SHIFT = 4  # pixels: augmentation moves an image by up to this, in each direction
COPIES = 8  # augmented copies of each image, if features are computed beforehand (VGG16)
FEW, COPIES_OF_FEW = 1_000, 64  # and of the images of a budget up to this
VARIED_SEEDS = 3  # the first of SEEDS, that variants of this protocol are tried with
EQUIVALENT = 0.02  # of accuracy: two arms within this of each other are equivalent

# Experiment 3 in small, for anybody's generated images: as much as VGG16 can do in 45 minutes on two cores.
OWN = "own"
OWN_PHOTOGRAPHS = 10_000  # that all draws are made from
OWN_FAKE = 50_000  # generated images at most
OWN_COPIES = 100_000  # augmented copies of the generated images at most, all together, but at least one of each
OWN_DRAWS = 15_000  # from a Gaussian at most

# Mean and standard deviation of CIFAKE's 50,000 REAL training images, in levels from 0 to 255: of red, green and blue, and of grey
# pixels. Experiment 3's classifiers see pixels minus the mean, divided by the deviation.
PIXEL_MEANS, PIXEL_DEVIATIONS = (125.2688, 122.9330, 113.8628), (62.5341, 61.9093, 66.4603)
GREY_MEAN, GREY_DEVIATION = 122.5849, 60.9007

# Of the trainings of experiments 3 and 4.
SEEDS = (129, 130, 131, 132, 133)

# Intervals. This project's choices.
CONFIDENCE = 0.95
RESAMPLES = 10_000  # of the bootstrap: from one bootstrap seed to another, the ends of an interval differ by some 0.0002
BOOTSTRAP_SEED = 129

# Experiment 4: what sets FAKE images apart. This project's choices, but for the first.
REAL_OR_FAKE = "REAL or FAKE"  # the task, as the name of what a classifier is trained on
PUBLISHED_REAL_OR_FAKE = 0.9298  # accuracy, Bird & Lotfi (2023), of their own convolutional network
NEIGHBOURS = 5  # of precision, recall, density and coverage, as in Naeem et al. (2020)
COMPARED = 1_000  # images of each class, for the same
SURE = 0.9  # probability from which taking an image for another class counts as a sure mistake
STATISTICS_OF = 100  # REAL images whose colours or spectrum FAKE images are brought to

# SHA-256 of CIFAKE's images and labels, as metadata.read_split computes it: the published numbers are compared with no others.
CIFAKE_FINGERPRINTS = {
    ("REAL", "train"): "7b887deff7c56eee64c889ce876aaf023c741c3c279a3868c96d8e8434fda11a",
    ("REAL", "test"): "671f96420741c4b81ced5da500ac3f9ce1d43635fe66b4f0e950cc652595c76b",
    ("FAKE", "train"): "339b598b36ff79252aebf8f4a92bc00a299237fcdde44e1f03c457c2d7e61ee9",
    ("FAKE", "test"): "70d485a6d06054cc2d1a634f2267f6c94f930ec7900ddd8107ec6379cf1cbcf3",
}

# What the original study published, as its README has it: trained on, architecture, tested on -> accuracy, macro F1, epochs.
PUBLISHED = {
    ("REAL", "NN", "REAL"): {"accuracy": 0.37, "macro_f1": 0.37, "epochs": 20},
    ("FAKE", "NN", "FAKE"): {"accuracy": 0.59, "macro_f1": 0.58, "epochs": 20},
    ("REAL", "LeNet", "REAL"): {"accuracy": 0.63, "macro_f1": 0.63, "epochs": 18},
    ("FAKE", "LeNet", "FAKE"): {"accuracy": 0.84, "macro_f1": 0.84, "epochs": 11},
    ("REAL", "VGG16", "REAL"): {"accuracy": 0.62, "macro_f1": 0.62, "epochs": 10},
    ("FAKE", "VGG16", "FAKE"): {"accuracy": 0.85, "macro_f1": 0.85, "epochs": 13},
    ("FAKE", "LeNet", "REAL"): {"accuracy": 0.36, "macro_f1": 0.35, "epochs": 11},
    ("FAKE", "VGG16", "REAL"): {"accuracy": 0.42, "macro_f1": 0.41, "epochs": 13},  # its table says 18, its history 13
}
PUBLISHED_ROUNDING = 0.005  # its numbers have two decimals

# SHA-256 of the float32 values of VGG16's 26 ImageNet arrays (13 kernels, 13 biases, in Keras' order), as
# checksum_of_arrays in system/files.py computes it: tells the published weights from others when they come as a file.
IMAGENET_CHECKSUM = "367e97357726fc9a76fcb2944e6cb9ef301eb42e4eb6cae2f6a7da7dedc6912d"
