"""The study's constants, each with its unit and its source; every other file takes them from here.

Source, where no other is named: the code and README of the original study, MinaAlmasi/CIFAKE-image-classifiers (2023).
"""

# The data: CIFAKE (Bird & Lotfi, 2023, arXiv:2303.14126), with CIFAR-10's classes in CIFAR-10's order.
SOURCES = ("REAL", "FAKE")  # photographs, generated images; the order of every table and figure
SPLITS = ("train", "test")
CIFAKE_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGE_SHAPE = (32, 32, 3)  # height and width in pixels, RGB channels
VALIDATION_SHARE = 0.2  # of the rows of train.csv, the first ones; the file order interleaves the classes

# The classifiers, in order of growing complexity: the order of every table and figure.
ARCHITECTURES = ("NN", "LeNet", "VGG16")
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
DECAY_STEPS = 10_000  # ... over so many steps, exponentially

# Experiment 2: which FAKE classifiers count as the best. This project's choice: the original's two best were 0.01 apart,
# its third 0.26 behind.
WITHIN = 0.02  # of the highest macro F1 on the FAKE test images

# SHA-256 of the float32 values of VGG16's 26 ImageNet arrays (13 kernels, 13 biases, in Keras' order), as
# features.weights_checksum computes it: tells the published weights from others when they come as a file.
IMAGENET_CHECKSUM = "367e97357726fc9a76fcb2944e6cb9ef301eb42e4eb6cae2f6a7da7dedc6912d"
