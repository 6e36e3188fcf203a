/* lumicrop: photons of single molecules.
 *
 * The C ABI, the library's only door. C11 and C++17; no other header of lumicrop or of CUDA is needed.
 *
 * Words and units
 *   crop        small H x W window of a camera frame around one detection, row-major, raw counts (ADU)
 *   detection   one event in one channel; columns of per-detection values are in detection order
 *   channel     one camera, colour or plane with its own crop size, camera and PSF; labels are one-based
 *   X0, Y0      camera pixel (column, row) of the crop's first pixel
 *   gain        counts -> electrons: multiplies [e-/ADU];  qe  electrons -> photons: divides
 *   photons     (raw counts) * gain / qe
 *   Lengths are nanometres, angles degrees, pairs of sizes are (y, x).
 *
 * Structs
 *   Every struct begins with its size and is filled by its lumicrop_*_init(pointer, sizeof(struct)) before use. A struct
 *   that is smaller than the library's (an older caller) is accepted: fields it lacks take the init function's values. One
 *   that is larger (a newer caller) is accepted while the bytes that this library does not know are zero, else refused as
 *   UNSUPPORTED. In an array of structs all elements state the same size, which is the step from one to the next.
 *   In options that tune, 0 means automatic. Physical quantities have no automatic value: they begin as NaN and a call
 *   that uses one left so is refused.
 *
 * Ownership
 *   The caller owns every array, struct and column; the library keeps no pointer to them after a call has completed.
 *   Contexts and splines belong to the library until destroyed. Destroy a spline only when no call that uses it is
 *   running or queued. Input arrays may overlap each other; an output column may overlap nothing.
 *
 * Threads
 *   One context serves one host thread at a time; different contexts run concurrently without locks. Splines
 *   are immutable and may be shared by any number of contexts and threads. Error texts are per thread. A child made by fork() may
 *   use existing contexts of the CPU backend; it computes there on one thread, with the same bits.
 *
 * Memory and streams
 *   Each array says where it lives. Host arrays: a call returns when its outputs are full. Device arrays (CUDA backend): a call
 *   whose arrays all live on the context's device returns when its work is queued on the context's stream, and neither
 *   waits nor allocates outside the context's pool, so that it can be captured in a graph; inputs must stay valid and
 *   unchanged until the stream has passed the call, as for any work on that stream. Freeing them in stream order
 *   afterwards is allowed. Work queued earlier on the same stream is seen. Producers on other streams must be
 *   ordered by the caller (an event). A call that mixes host and device arrays returns when its host outputs are full.
 *   Its work on device arrays comes after what the context's stream held, and before what is queued there later; it cannot be captured.
 *   Host arrays travel in chunks through buffers of the context, so that they may be larger than the GPU's memory.
 *   The stream belongs to the caller and must outlive the context. The caller's current device is restored by every call. What only
 *   the device can know (a bad label or frame number in device memory) becomes a flag of that detection and a
 *   status that lumicrop_synchronize returns. The first call with a spline copies it to the device and waits for that; later
 *   calls of the context find it there.
 *
 * Reproducibility
 *   The same call gives the same bits for any number of threads, any size of the batch and any position in it, per
 *   backend and instruction set.
 */
#ifndef LUMICROP_LUMICROP_H
#define LUMICROP_LUMICROP_H

#include <stdint.h>

/* Comments stand in columns here. */
/* clang-format off */

#if defined(LUMICROP_STATIC)
#define LUMICROP_API
#elif defined(_WIN32)
#if defined(LUMICROP_BUILDING)
#define LUMICROP_API __declspec(dllexport)
#else
#define LUMICROP_API __declspec(dllimport)
#endif
#else
#define LUMICROP_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------------- version, status */

#define LUMICROP_VERSION_MAJOR 0
#define LUMICROP_VERSION_MINOR 1
#define LUMICROP_VERSION_PATCH 0

/** "0.1.0": version of the library that is loaded. Never NULL; static storage. */
LUMICROP_API const char* lumicrop_version(void);

/** What a call came to. 0 is success; on any other value lumicrop_last_error() tells what, where and what was expected. */
typedef int32_t lumicrop_status;
enum {
    LUMICROP_OK = 0,
    LUMICROP_INVALID_ARGUMENT = 1, /**< an argument is wrong; nothing was computed, no output touched */
    LUMICROP_UNSUPPORTED = 2,      /**< legal, but this build or backend does not do it; no output touched */
    LUMICROP_NO_DEVICE = 3,        /**< no usable GPU was found */
    LUMICROP_DRIVER_TOO_OLD = 4,   /**< the CUDA driver is older than this build needs */
    LUMICROP_NO_KERNEL_IMAGE = 5,  /**< this build has no code for this GPU */
    LUMICROP_OUT_OF_MEMORY = 6,    /**< host or device memory could not be had; no output touched */
    LUMICROP_CUDA_FAILURE = 7,     /**< the CUDA runtime reported an error; outputs are undefined */
    LUMICROP_INTERNAL = 8,         /**< a fault of lumicrop itself: please report it */
    LUMICROP_BAD_INDEX = 9,        /**< deferred: a label or frame in device memory was out of range (see flags) */
    LUMICROP_CANCELLED = 10        /**< the progress callback ended the call; outputs are undefined */
};

/** Name of a status, such as "invalid argument"; "unknown status" for any other number. Never NULL; static storage. */
LUMICROP_API const char* lumicrop_status_name(lumicrop_status status);

/** Text of the last failure on the calling thread: names argument, channel and index, with expected and found; "" if none.
 *  Valid until the next call of the library on this thread. A call that succeeds leaves it as it is. */
LUMICROP_API const char* lumicrop_last_error(void);

/* -------------------------------------------------------------------------------------------------------------- arrays */

/** Type of an element. Images: U8 U16 I16 U32 I32 F32 F64. Columns: F32 F64, and where whole numbers are meant any integer type. */
typedef int32_t lumicrop_dtype;
enum {
    LUMICROP_U8 = 1,
    LUMICROP_U16 = 2,
    LUMICROP_I16 = 3,
    LUMICROP_U32 = 4,
    LUMICROP_I32 = 5,
    LUMICROP_F32 = 6,
    LUMICROP_F64 = 7,
    LUMICROP_I8 = 8,
    LUMICROP_U64 = 9,
    LUMICROP_I64 = 10
};

/** Where an array lives. DEVICE: memory of the context's GPU (or managed memory); the CPU backend refuses it. */
typedef int32_t lumicrop_memory;
enum { LUMICROP_HOST = 1, LUMICROP_DEVICE = 2 };

/** One array: images, a column, or an output. Elements must be aligned to their own size, strides may be anything, negative and zero
 *  included (outputs: no two elements may share memory). */
typedef struct lumicrop_array {
    int64_t struct_size; /**< sizeof(lumicrop_array), by lumicrop_array_init */
    void* data;          /**< first element; may be NULL only when an extent is 0. Inputs are only read */
    lumicrop_dtype dtype;
    lumicrop_memory memory; /**< default LUMICROP_HOST */
    int64_t ndim;           /**< 3 for images, 1 for columns */
    int64_t shape[3];       /**< elements along each axis */
    int64_t strides[3];     /**< bytes from one element to the next along each axis */
} lumicrop_array;

/** Fills `array` as a C-contiguous host array.
 *
 *  array        to fill;  struct_size: sizeof(lumicrop_array) as the caller compiled it
 *  data, dtype  as in the struct;  ndim  1 to 3;  shape  [ndim] extents, none negative
 *
 *  Errors: INVALID_ARGUMENT for NULL array or shape, an unknown dtype, a wrong ndim, or a struct_size below the first release's. */
LUMICROP_API lumicrop_status lumicrop_array_init(lumicrop_array* array, int64_t struct_size, void* data,
                                                 lumicrop_dtype dtype, int64_t ndim, const int64_t* shape);

/* ---------------------------------------------------------------------------------------------------- backend, context */

typedef int32_t lumicrop_backend;
enum { LUMICROP_BACKEND_AUTO = 0, LUMICROP_BACKEND_CPU = 1, LUMICROP_BACKEND_CUDA = 2 };

/** Instruction set of the CPU backend. Results differ between them within the stated precision. */
typedef int32_t lumicrop_isa;
enum {
    LUMICROP_ISA_AUTO = 0,     /**< the best that this processor has */
    LUMICROP_ISA_BASELINE = 1, /**< x86-64 with SSE2, or 64-bit Arm with NEON */
    LUMICROP_ISA_AVX2 = 2,     /**< AVX2 and FMA */
    LUMICROP_ISA_AVX512 = 3    /**< AVX-512 F, DQ, BW, VL */
};

/** What is known of one backend, without creating a context. */
typedef struct lumicrop_backend_info {
    int64_t struct_size;
    lumicrop_backend backend;
    int32_t compiled_in; /**< 1: this build contains it */
    int32_t found;       /**< 1: its processor or a GPU with a driver is there */
    int32_t usable;      /**< 1: a context can be created */
    int32_t n_devices;   /**< CPU: 1; CUDA: GPUs found */
    lumicrop_isa isa;    /**< CPU: the best usable instruction set; else 0 */
    int64_t n_threads;   /**< CPU: threads used when the caller does not say; else 0 */
    char reason[256];    /**< why it is usable, or why not: one sentence */
} lumicrop_backend_info;

/** Fills `info` with defaults (its size; everything else 0). Errors: INVALID_ARGUMENT for NULL or a size below the first release's. */
LUMICROP_API lumicrop_status lumicrop_backend_info_init(lumicrop_backend_info* info, int64_t struct_size);

/** Tells what is known of `backend` (CPU or CUDA). Errors: INVALID_ARGUMENT for another backend, NULL, or a struct that is not initialised. */
LUMICROP_API lumicrop_status lumicrop_backend_query(lumicrop_backend backend, lumicrop_backend_info* info);

/** Called between chunks of a call on the thread that makes the call: `done` of `total` detections are computed. Not 0 ends the
 *  call as CANCELLED. It must not call the library on the same context. */
typedef int32_t (*lumicrop_progress)(void* data, int64_t done, int64_t total);

/** How a context is made. */
typedef struct lumicrop_options {
    int64_t struct_size;
    lumicrop_backend backend; /**< default AUTO: a GPU when one works, else the CPU; LUMICROP_BACKEND=cpu in the environment
                                   makes AUTO the CPU */
    lumicrop_isa isa;         /**< CPU: default AUTO; one that this processor lacks is refused (UNSUPPORTED) */
    int64_t n_threads;        /**< CPU: default 0, automatic: OpenMP's own number; at most 1024 */
    int32_t device;           /**< CUDA: ordinal of the GPU; default -1, the calling thread's current one */
    int32_t reserved;         /**< 0 */
    void* stream;             /**< CUDA: the caller's cudaStream_t; default NULL, the default stream. The CPU backend refuses any other */
    int64_t memory_budget;    /**< CUDA: device memory that host arrays may take on their way [bytes]; default 0, automatic: half of
                                   what is free when it is first needed. Too little for one crop is refused (OUT_OF_MEMORY) */
    lumicrop_progress progress; /**< default NULL; not called where all arrays live on the device */
    void* progress_data;      /**< handed to `progress` */
    void* workspace;          /**< CUDA: the caller's device memory for calls whose arrays all live on the device, aligned to 256 bytes;
                                   default NULL, a pool of the context's own. Calls use it in the order of the stream */
    int64_t workspace_bytes;  /**< its size; too little is refused (OUT_OF_MEMORY): lumicrop_workspace_bytes tells the need */
} lumicrop_options;

/** Fills `options` with defaults. Errors: INVALID_ARGUMENT for NULL or a size below the first release's. */
LUMICROP_API lumicrop_status lumicrop_options_init(lumicrop_options* options, int64_t struct_size);

/** A backend, a device, a stream and reusable workspace. */
typedef struct lumicrop_context lumicrop_context;

/** Makes a context. `options` NULL: all defaults. On failure *context is NULL.
 *  Errors: INVALID_ARGUMENT, UNSUPPORTED (backend not in this build, instruction set not on this processor), NO_DEVICE,
 *  DRIVER_TOO_OLD, NO_KERNEL_IMAGE, OUT_OF_MEMORY, CUDA_FAILURE. */
LUMICROP_API lumicrop_status lumicrop_context_create(const lumicrop_options* options, lumicrop_context** context);

/** Ends a context and frees what it held. NULL is allowed. Waits for work that it queued itself. */
LUMICROP_API void lumicrop_context_destroy(lumicrop_context* context);

/** What a context came to use. */
typedef struct lumicrop_context_info {
    int64_t struct_size;
    lumicrop_backend backend; /**< CPU or CUDA */
    lumicrop_isa isa;         /**< CPU: instruction set in use; else 0 */
    int64_t n_threads;        /**< CPU: threads that a call may use; else 0 */
    int32_t device;           /**< CUDA: ordinal; CPU: -1 */
    int32_t reserved;
    char reason[256]; /**< why this backend: one sentence */
} lumicrop_context_info;

/** Fills `info` with defaults (its size; everything else 0). Errors: INVALID_ARGUMENT for NULL or a size below the first release's. */
LUMICROP_API lumicrop_status lumicrop_context_info_init(lumicrop_context_info* info, int64_t struct_size);

/** Tells what `context` uses. Errors: INVALID_ARGUMENT for NULL or a struct that is not initialised. */
LUMICROP_API lumicrop_status lumicrop_context_query(const lumicrop_context* context, lumicrop_context_info* info);

/** Waits for what the context has queued, and returns the first deferred failure since it was last asked (BAD_INDEX,
 *  CUDA_FAILURE), or OK. On the CPU backend nothing is ever queued and the answer is OK. Errors: INVALID_ARGUMENT for NULL. */
LUMICROP_API lumicrop_status lumicrop_synchronize(lumicrop_context* context);

/* -------------------------------------------------------------------------------------------------------------- spline */

/** A cubic (degree 3) tensor-product B-spline PSF S(x, y, z), checked and copied once. S is 0 outside [t[3], t[n]] of any axis. */
typedef struct lumicrop_spline lumicrop_spline;

/** Makes a spline from host arrays, which are not needed afterwards.
 *
 *  tx, ty, tz    knots [nm], 1-D, F32 or F64, finite, non-decreasing, at least 8, with t[3] < t[n], n = length - 4
 *  coefficients  3-D, F32 or F64, finite, [iz][iy][ix], shape (len(tz) - 4, len(ty) - 4, len(tx) - 4)
 *
 *  On failure *spline is NULL. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY. */
LUMICROP_API lumicrop_status lumicrop_spline_create(const lumicrop_array* tx, const lumicrop_array* ty,
                                                    const lumicrop_array* tz, const lumicrop_array* coefficients,
                                                    lumicrop_spline** spline);

/** Frees a spline. NULL is allowed. */
LUMICROP_API void lumicrop_spline_destroy(lumicrop_spline* spline);

/* ------------------------------------------------------------------------------------------------------------- channel */

/** Where a channel's crops come from. */
typedef int32_t lumicrop_source;
enum {
    LUMICROP_GIVEN = 1,   /**< a stack of crops, in the order of the channel's detections */
    LUMICROP_GATHERED = 2 /**< cut out of frames: a movie, and a frame number, X0 and Y0 per detection */
};

/** How photons are counted. */
typedef int32_t lumicrop_method;
enum {
    LUMICROP_SUM = 1,     /**< sum of the pixels above the background, by default the median of the border pixels */
    LUMICROP_FILTER = 2,  /**< projection on the fitted PSF p: sum p (crop - b) / sum p^2, b by default os_fit * qe / gain */
    LUMICROP_JOINT = 3,   /**< photons and background together by least squares, all pixels alike */
    LUMICROP_OPTIMAL = 4, /**< least squares weighted by the inverse of the pixels' variance, which the fit itself tells, iterated three
                               times (Horne 1986, PASP 98:609; Naylor 1998, MNRAS 296:339); background by default fitted */
    LUMICROP_MLE = 5,     /**< maximum of the Poisson likelihood, with read noise by Huang et al. 2013 (Nat. Methods 10:653); background by
                               default fitted */
    LUMICROP_APERTURE = 6 /**< sum of the pixels above the background, each by the part of its area that lies within an ellipse around the fitted
                               position; background by default the median of the border pixels */
};

/** What is subtracted from each pixel. */
typedef int32_t lumicrop_background;
enum {
    LUMICROP_BACKGROUND_DEFAULT = 0,       /**< SUM, APERTURE: BORDER_MEDIAN; FILTER: COLUMN; JOINT, OPTIMAL, MLE: FITTED */
    LUMICROP_BACKGROUND_BORDER_MEDIAN = 1, /**< median of the border pixels */
    LUMICROP_BACKGROUND_CORRECTED_MEDIAN = 2, /**< the same, corrected for the skewness of counted light, whose median lies below its mean;
                                                needs the camera's numbers to be right */
    LUMICROP_BACKGROUND_COLUMN = 3,        /**< os_fit [photon/px] */
    LUMICROP_BACKGROUND_MAP = 4,           /**< background_map [photon/px], each pixel its own */
    LUMICROP_BACKGROUND_FITTED = 5,        /**< fitted together with the photons. JOINT (which has no other), OPTIMAL, MLE */
    LUMICROP_BACKGROUND_ANNULUS_MEDIAN = 6, /**< median of the pixels whose centres lie annulus_inner_px to annulus_outer_px from the fitted
                                                position, in the frame (GATHERED) or in the crop (GIVEN), and neighbour_radius_px or more from
                                                other detections of the channel in the same frame. Masked and non-finite pixels are left out,
                                                and of GIVEN crops padding */
    LUMICROP_BACKGROUND_ANNULUS_MEAN = 7,  /**< the mean of the same pixels */
    LUMICROP_BACKGROUND_ANNULUS_CLIPPED = 8 /**< their mean without those further than 3 standard deviations from the median, sought up to 5
                                                times */
};

/** PSF model of FILTER, JOINT, OPTIMAL and MLE. */
typedef int32_t lumicrop_model;
enum {
    LUMICROP_ISOGAUSS = 1, /**< pixel-integrated isotropic Gaussian (Smith et al. 2010, Nat. Methods 7:373) */
    LUMICROP_GAUSS = 2,    /**< pixel-integrated elliptic Gaussian, rotated by an angle */
    LUMICROP_SPLINE = 3    /**< cubic B-spline S(x - mux, y - muy, -z_fit) */
};

/** Which pixels of a crop are padding, not data. Padding leaves the border median and the sum; the filter leaves out
 *  the pixels outside the frame under GEOMETRY, and counts all pixels under the other rules. */
typedef int32_t lumicrop_padding;
enum {
    LUMICROP_PADDING_DEFAULT = 0,  /**< GIVEN: ZEROS; GATHERED: GEOMETRY */
    LUMICROP_PADDING_ZEROS = 1,    /**< pixels of raw value 0 that connect to the crop's border through such pixels (4-connected) */
    LUMICROP_PADDING_GEOMETRY = 2, /**< pixels outside the frame; needs X0, Y0 and, for GIVEN crops, the frame's size */
    LUMICROP_PADDING_NONE = 3      /**< no pixel */
};

/** One channel. Pixels of a gathered crop that lie outside the frame have the raw value 0. */
typedef struct lumicrop_channel {
    int64_t struct_size;
    const lumicrop_array* images; /**< GIVEN: crops (n, height, width); GATHERED: frames (n_frames, height, width). Raw counts */
    lumicrop_source source;       /**< default GIVEN */
    lumicrop_method method;       /**< default FILTER */
    lumicrop_model model;         /**< default ISOGAUSS; not looked at for SUM */
    lumicrop_padding padding;     /**< default by source */
    int64_t n_detections;         /**< detections of this channel; default -1: GIVEN, the number of crops; GATHERED, counted from `ch`, or, with
                                       one channel, all. A number given must agree with these */
    int64_t crop_height;          /**< GATHERED: rows of a crop, above 0; GIVEN: default 0, taken from the stack */
    int64_t crop_width;           /**< GATHERED: columns of a crop, above 0; GIVEN: default 0, taken from the stack */
    int64_t frame_height;         /**< GIVEN with GEOMETRY: rows of the frame the crops were cut from; default 0, unknown */
    int64_t frame_width;          /**< GIVEN with GEOMETRY: columns of that frame; default 0, unknown */
    double pixel_y_nm;            /**< pixel height [nm], finite, above 0; SUM without an annulus does not use it and accepts NaN */
    double pixel_x_nm;            /**< pixel width [nm], likewise */
    double gain;                  /**< [e-/ADU], finite, above 0 */
    double qe;                    /**< quantum efficiency, finite, above 0 */
    double camera_offset;         /**< counts of a pixel without light, subtracted first; finite; default 0 */
    double psf_sigma_nm;          /**< ISOGAUSS without a sigma_fit column: its sigma [nm] */
    double psf_sigma_x_nm;        /**< GAUSS without sigma_x_fit and sigma_fit: sigma along its own x axis [nm] */
    double psf_sigma_y_nm;        /**< GAUSS without sigma_y_fit and sigma_fit: sigma along its own y axis [nm] */
    double psf_theta_deg;         /**< GAUSS without sigma_angle: its angle [degrees]; default 0 */
    const lumicrop_spline* spline; /**< SPLINE: the PSF; default NULL */
    lumicrop_background background; /**< default by method */
    int32_t reserved;             /**< 0 */
    double em_gain;               /**< mean multiplication before the read-out, at least 1; default 1, none. Above 1 divides the electrons and
                                       doubles the variance of counting (Robbins & Hadwen 2003) */
    double read_noise;            /**< standard deviation of the read-out [e-], after multiplication; finite, not negative; default 0 */
    double saturation;            /**< raw counts from which a pixel is saturated, which is flagged; default infinity, none */
    const lumicrop_array* offset_map; /**< counts of each pixel without light, instead of camera_offset; F32 or F64, (frame_height,
                                       frame_width). All maps: NULL, the default, for none; a NaN masks its pixel */
    const lumicrop_array* gain_map; /**< [e-/ADU] of each pixel, instead of gain, above 0; likewise */
    const lumicrop_array* read_variance_map; /**< variance of each pixel's read-out [e-^2], instead of read_noise, not negative; likewise */
    const lumicrop_array* bad_pixels; /**< U8, (frame_height, frame_width): not 0 masks the pixel, which takes no part in any sum or median */
    const lumicrop_array* background_map; /**< MAP: background [photon/px], F32 or F64, (1, frame_height, frame_width) or one a frame */
    double aperture_x_px;         /**< APERTURE: semi-axis along its own x axis [px]; finite, above 0 */
    double aperture_y_px;         /**< APERTURE: semi-axis along its own y axis [px]; default NaN, a circle */
    double aperture_theta_deg;    /**< APERTURE: its angle [degrees], which turns as that of GAUSS; default 0 */
    double annulus_inner_px;      /**< ANNULUS_MEDIAN, _MEAN, _CLIPPED: inner radius [px], 0 or more; GIVEN: below half of the crop's diagonal */
    double annulus_outer_px;      /**< likewise: outer radius [px], above the inner one, at most 100 and half of the frame */
    double neighbour_radius_px;   /**< likewise: pixels nearer than this to another detection are left out [px], at most 100; default NaN, the
                                       inner radius; 0, none are */
} lumicrop_channel;

/** Fills `channel` with defaults. Errors: INVALID_ARGUMENT for NULL or a size below the first release's. */
LUMICROP_API lumicrop_status lumicrop_channel_init(lumicrop_channel* channel, int64_t struct_size);

/* ---------------------------------------------------------------------------------------------------------- detections */

/** What the coordinate 0 of x_fit and y_fit means. */
typedef int32_t lumicrop_origin;
enum {
    LUMICROP_FIRST_PIXEL = 1, /**< the first pixel's centre (smlmlp, Picasso) */
    LUMICROP_PIXEL_CORNER = 2 /**< the first pixel's outer corner, half a pixel earlier (ThunderSTORM) */
};

/** Columns of per-detection values, 1-D of length n, in detection order; NULL: not given. Columns that no channel uses are not looked at;
 *  the entries of detections whose channel does not use a column may be anything. */
typedef struct lumicrop_detections {
    int64_t struct_size;
    int64_t n;                        /**< detections of all channels together; default 0 */
    lumicrop_origin origin;           /**< default FIRST_PIXEL */
    int32_t reserved;                 /**< 0 */
    const lumicrop_array* ch;         /**< one-based channel of each detection, any integer type: crop j of channel k belongs to the j-th detection
                                           whose ch is k. NULL: detections stand channel after channel */
    const lumicrop_array* frame;      /**< GATHERED, and neighbours of an annulus: zero-based frame below 2^40, any integer type */
    const lumicrop_array* X0;         /**< column of the crop's first pixel [px]; any type, GATHERED and GEOMETRY: integer types. Needed where positions are, and by
                                           GATHERED, GEOMETRY and maps */
    const lumicrop_array* Y0;         /**< row of the crop's first pixel [px]; likewise */
    const lumicrop_array* x_fit;      /**< fitted x in the whole frame [nm], F32 or F64. All but SUM; SUM with an annulus or for the fraction enclosed */
    const lumicrop_array* y_fit;      /**< fitted y [nm]; likewise */
    const lumicrop_array* z_fit;      /**< fitted z [nm]; NULL: 0. SPLINE */
    const lumicrop_array* os_fit;     /**< fitted offset (background) [photon/px]. FILTER */
    const lumicrop_array* sigma_fit;  /**< fitted sigma [nm]. ISOGAUSS; GAUSS where sigma_x_fit or sigma_y_fit is NULL */
    const lumicrop_array* sigma_x_fit; /**< fitted sigma along the PSF's own x axis [nm]. GAUSS */
    const lumicrop_array* sigma_y_fit; /**< fitted sigma along the PSF's own y axis [nm]. GAUSS */
    const lumicrop_array* sigma_angle; /**< fitted angle [degrees]. GAUSS */
} lumicrop_detections;

/** Fills `detections` with defaults. Errors: INVALID_ARGUMENT for NULL or a size below the first release's. */
LUMICROP_API lumicrop_status lumicrop_detections_init(lumicrop_detections* detections, int64_t struct_size);

/* -------------------------------------------------------------------------------------------------------------- result */

/** Bits of a detection's flags. Bits not named here are 0. */
enum {
    LUMICROP_FLAG_TRUNCATED = 1 << 0,      /**< SUM: some pixels are padding; APERTURE: some of its area lies on padding or outside the crop;
                                                every other method: the crop reaches beyond the frame, where that is known (GATHERED, or
                                                padding by GEOMETRY) */
    LUMICROP_FLAG_MASKED = 1 << 1,         /**< a pixel is masked (bad_pixels, or NaN in a map): photons are those of the whole crop where the PSF
                                                is known, else of the pixels left */
    LUMICROP_FLAG_SATURATED = 1 << 2,      /**< a pixel (APERTURE: that it touches) has reached the saturation, and is counted as it is: photons are too few */
    LUMICROP_FLAG_DATA_NOT_FINITE = 1 << 3, /**< a NaN or infinite pixel outside the padding: photons are NaN or infinite */
    LUMICROP_FLAG_PARAMETER_NAN = 1 << 4,  /**< a parameter that the model, the aperture, the annulus or the background uses is NaN: photons are NaN */
    LUMICROP_FLAG_CENTRE_OUTSIDE = 1 << 5, /**< the fitted position, where it is looked at, lies outside the crop's pixels */
    LUMICROP_FLAG_OUTSIDE_DOMAIN = 1 << 6, /**< SPLINE: some pixel lies outside the spline's domain, where the PSF is 0 */
    LUMICROP_FLAG_NO_BORDER = 1 << 7,      /**< no border pixel is left, and the background is 0; or no pixel of the annulus, and background and
                                                photons are NaN */
    LUMICROP_FLAG_ZERO_DENOMINATOR = 1 << 8, /**< FILTER: psf_sum or denominator is 0 or not finite: photons are NaN */
    LUMICROP_FLAG_BAD_INDEX = 1 << 9,      /**< a label or frame number in device memory is out of range: all results NaN */
    LUMICROP_FLAG_NOT_CONVERGED = 1 << 10  /**< MLE: its iterations ended before the estimate stood still to 1e-4 of its error */
};

/** Columns to fill, 1-D of length n, in detection order; NULL: not wanted. */
typedef struct lumicrop_result {
    int64_t struct_size;
    const lumicrop_array* photons;     /**< F32 or F64 [photon] */
    const lumicrop_array* background;  /**< F32 or F64: counts above the camera offset that were subtracted from each pixel [ADU]: SUM, the
                                            border median less the offset; FILTER, os_fit * qe / gain; any other as
                                            background_photons in counts. NaN with a gain_map */
    const lumicrop_array* psf_sum;     /**< F32 or F64: sum of the unit-amplitude PSF model over the crop; SUM: NaN */
    const lumicrop_array* denominator; /**< F32 or F64: sum of the squared normalised PSF over the crop; SUM: NaN */
    const lumicrop_array* flags;       /**< U32: bits LUMICROP_FLAG_* */
    const lumicrop_array* photons_sigma; /**< F32 or F64: standard error of photons [photon], from the variance of counting and of the read-out */
    const lumicrop_array* background_photons; /**< F32 or F64: background [photon/px]; MAP: its mean over the crop */
    const lumicrop_array* background_sigma; /**< F32 or F64: its standard error [photon/px]; COLUMN and MAP: 0, they are taken as known.
                                            NaN where an annulus has no pixel left */
    const lumicrop_array* chi2;        /**< F32 or F64: sum of (d - mu)^2 / V over the pixels, by pixels less parameters; SUM, APERTURE: NaN */
    const lumicrop_array* log_likelihood_ratio; /**< F32 or F64: 2 sum [mu' - d' - d' ln(mu'/d')]; SUM, APERTURE: NaN */
    const lumicrop_array* enclosed;    /**< F32 or F64: fraction of the PSF on the crop, as far as that lies inside the frame; SUM, APERTURE: on the pixels
                                            that are added up, which needs the PSF's columns */
    const lumicrop_array* photons_total; /**< F32 or F64: photons / enclosed [photon]. SUM, APERTURE: likewise */
    const lumicrop_array* background_pixels; /**< F32 or F64: pixels of background alone whose mean would have the error of this background;
                                            COLUMN and MAP: infinite */
    const lumicrop_array* iterations;  /**< U32: of OPTIMAL and MLE; else 0 */
} lumicrop_result;

/** Fills `result` with defaults. Errors: INVALID_ARGUMENT for NULL or a size below the first release's. */
LUMICROP_API lumicrop_status lumicrop_result_init(lumicrop_result* result, int64_t struct_size);

/** Photons of every detection of every channel.
 *
 *  channels    [n_channels], at least 1; checked as a whole before anything is computed
 *  detections  columns in detection order; a NULL column takes the channel's default
 *  result      columns to fill, in detection order; NULL: not wanted
 *
 *  Pixels of U8, U16, I16 and F32 are computed in float32 (positions and background in float64), U32, I32 and F64 in float64. A NaN or
 *  infinite pixel spoils its own detection and no other.
 *
 *  Errors: INVALID_ARGUMENT, UNSUPPORTED (an array in device memory on the CPU backend; host arrays while the stream is being
 *  captured), OUT_OF_MEMORY, CANCELLED, and on the CUDA backend CUDA_FAILURE. On failure no column has been touched (CUDA_FAILURE,
 *  CANCELLED: undefined). */
LUMICROP_API lumicrop_status lumicrop_integrate(lumicrop_context* context, const lumicrop_channel* channels,
                                                int64_t n_channels, const lumicrop_detections* detections,
                                                const lumicrop_result* result);

/** Bytes of workspace on the device that lumicrop_integrate takes for these arguments when all arrays live there; 0 on the CPU
 *  backend. Contents of columns are not looked at. Errors: INVALID_ARGUMENT (also for `bytes` NULL), UNSUPPORTED. */
LUMICROP_API lumicrop_status lumicrop_workspace_bytes(lumicrop_context* context, const lumicrop_channel* channels,
                                                      int64_t n_channels, const lumicrop_detections* detections,
                                                      const lumicrop_result* result, int64_t* bytes);

#ifdef __cplusplus
}
#endif

#endif
